"""What is wrong with the sentences of a bot, and what it could not answer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from fsl_nlp.types import Label


class ShareOfSentences(BaseModel):
    """A share with its 95% interval."""

    value: float
    low: float
    high: float
    count: int


class CheckedSentence(BaseModel):
    """A sentence of a finding."""

    row: int
    text: str
    label: Label
    predicted: Label | None = Field(description="The label that it looks like, when held out")


class Finding(BaseModel):
    """Something that may be wrong. Some kinds have more fields, with numbers."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="mislabel, merge, confusable, duplicates, thin, unbalanced, ...")
    summary: str
    advice: str
    harm: float = Field(description="How many sentences are likely to teach the wrong thing")
    labels: list[Label]
    sentences: list[CheckedSentence]


class GainOfMore(BaseModel):
    """What ten more sentences would add to accuracy, with its 95% interval."""

    label: Label | None
    value: float
    low: float
    high: float
    accuracy: float


class Checked(BaseModel):
    """What the check says, the worst first, and the map."""

    name: str
    model_version: str
    encoder: str
    headline: str
    texts: int
    unlabelled: int
    labels: list[Label]
    accuracy: ShareOfSentences | None
    findings: list[Finding]
    gain_of_ten_more: GainOfMore | None
    gains_of_ten_more: list[GainOfMore]
    seconds: float
    encoding_seconds: float
    map: list[tuple[float, float, int, int, str]] = Field(
        description="x, y, index of the label, 1 if the label is doubtful, text"
    )


class SuggestedText(BaseModel):
    """A question to label."""

    text: str
    label: Label = Field(description="The best guess")
    confidence: float
    count: int = Field(description="How often it was asked")
    reason: str


class SuggestedLabel(BaseModel):
    """Questions that may need a label of their own."""

    name: str
    count: int
    texts: list[str]


class Suggested(BaseModel):
    """The questions that a bot could not answer."""

    texts: int
    unknown: int
    to_label: list[SuggestedText]
    new_labels: list[SuggestedLabel]
    job: str | None = Field(None, description="The job that groups them again, if one does")
