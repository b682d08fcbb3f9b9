"""Answers to questions, and questions of the log."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from fsl_nlp.types import Label


class AlternativeLabel(BaseModel):
    """Another label, with its confidence."""

    label: Label
    confidence: float


class NearSentence(BaseModel):
    """A sentence that the bot learned from, and how similar it is."""

    text: str
    label: Label
    similarity: float


class WordInfluence(BaseModel):
    """Some words of a text, and by how much they change the log-odds of the best label."""

    text: str
    start: int
    end: int
    change: float


class PartAnswer(BaseModel):
    """The answer for a text, or for a part of it."""

    label: Label | None = Field(description="null: the bot does not know")
    confidence: float = Field(description="Probability that the best label is right, if in scope")
    margin: float = Field(description="Confidence less that of the second label")
    reason: Literal["ok", "ambiguous", "out_of_scope", "empty"]
    alternatives: list[AlternativeLabel]
    nearest: list[NearSentence]
    model_version: str
    truncated: bool = Field(description="The text was too long to be read whole")
    part: str = Field(description="The part of the text, with `multiple`")
    in_scope: float | None = Field(description="Probability that the text is in scope")
    why: list[WordInfluence]
    id: str | None = Field(None, description="For feedback, if questions are logged")


class Answer(PartAnswer):
    """The answer of a bot for a text."""

    bot: str


class AnswerInParts(BaseModel):
    """The answers for the parts of a message, with `multiple`."""

    bot: str
    parts: list[PartAnswer]


class GivenFeedback(BaseModel):
    """What a user said of an answer."""

    label: Label | None
    comment: str
    time: str


class LoggedQuestion(BaseModel):
    """A question of the log, with its answer."""

    id: str
    time: str
    bot: str
    text: str
    text_b: str | None
    model_version: str
    label: Label | None
    reason: str
    confidence: float
    in_scope: float | None
    alternatives: list[AlternativeLabel]
    request: str = Field(description="The X-Request-Id")
    feedback: GivenFeedback | None


class LoggedQuestions(BaseModel):
    """Questions of the log, the newest first."""

    questions: list[LoggedQuestion]
