"""What a bot is, its sentences, its versions."""

from __future__ import annotations

from pydantic import BaseModel, Field

from fsl_nlp.types import Label


class BotLabel(BaseModel):
    """A label, and how many sentences it has."""

    label: Label
    name: str | None
    description: str | None
    examples: int | None


class Expected(BaseModel):
    """What cross-validation expects of questions in scope."""

    accuracy: float | None = Field(description="Share of answers that are right")
    answered: float | None = Field(description="Share of questions that are answered")


class BotInfo(BaseModel):
    """A bot."""

    name: str
    model_version: str
    version: int = Field(description="Number of edits, plus 1")
    method: str
    encoder: str
    languages: str
    labels: list[BotLabel]
    examples: int
    can_be_edited: bool
    why_not: str | None = Field(description="Why it cannot be edited")
    error: str | None = Field(description="Why its newest save does not answer")
    expected: Expected | None
    saved: str = Field(description="Time of the save, in ISO 8601")


class BotList(BaseModel):
    """The bots of the server. The first one answers requests that name none."""

    bots: list[BotInfo]


class Sentence(BaseModel):
    """A sentence that a bot learned from."""

    text: str
    label: Label | None
    text_b: str | None = Field(None, description="The second text of a pair")


class Sentences(BaseModel):
    """Some of the sentences that match."""

    total: int
    examples: list[Sentence]


class Version(BaseModel):
    """An edit."""

    number: int
    action: str
    summary: str
    before: str = Field(description="`model_version` before the edit")
    name: str = Field(description="`model_version` after it")
    examples: int
    labels: int
    accuracy: float | None
    can_be_undone: bool


class Versions(BaseModel):
    """The edits of a bot, the newest first."""

    now: int
    versions: list[Version]
