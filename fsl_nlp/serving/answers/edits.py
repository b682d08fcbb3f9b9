"""What an edit did."""

from __future__ import annotations

from pydantic import BaseModel, Field

from fsl_nlp.serving.answers.bots import BotInfo
from fsl_nlp.types import Label


class MovedSentence(BaseModel):
    """A stored sentence that gets another label than before."""

    text: str
    label: Label = Field(description="The label that it is stored with")
    before: Label | None
    after: Label | None


class ExpectedAccuracy(BaseModel):
    """The share of right answers that is expected, from so many sentences."""

    accuracy: float | None
    count: int = Field(description="Sentences that were held out")


class EditResult(BaseModel):
    """What an edit did. It is on the disk."""

    action: str
    summary: str
    applied: bool = Field(description="false: it was refused, or changed nothing")
    before: int = Field(description="Number of the version before it")
    after: int
    model_version: str
    moved: list[MovedSentence]
    expected_before: ExpectedAccuracy
    expected_after: ExpectedAccuracy
    note: str
    bot: BotInfo


class StoredSentence(BaseModel):
    """A sentence with its label."""

    text: str
    label: Label


class RelabelledSentence(BaseModel):
    """A sentence that is stored with another label than before."""

    text: str
    before: Label
    after: Label


class VersionDifference(BaseModel):
    """What the last edit changed."""

    before: str = Field(description="`model_version` before it")
    after: str
    added: list[StoredSentence]
    removed: list[StoredSentence]
    relabelled: list[RelabelledSentence]
    moved: list[MovedSentence]
