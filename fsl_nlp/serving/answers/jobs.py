"""Jobs, and what they end with."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from fsl_nlp.serving.answers.bots import BotInfo, Expected


class JobStarted(BaseModel):
    """A job that waits or runs."""

    job: str = Field(description="Its id, for /v1/jobs/{job}")


class Trained(BaseModel):
    """The result of a training."""

    bot: BotInfo
    model_version: str
    method: str = Field(description="The method that was chosen")
    encoder: str
    examples: int
    labels: int
    expected: Expected | None
    lint: str | None = Field(description="What the check of the sentences says, in one line")
    findings: int | None
    notes: list[str] = Field(description="What to know of the file, such as its encoding")
    seconds: float


class JobState(BaseModel):
    """How far a job is."""

    id: str
    kind: str
    state: Literal["waiting", "running", "done", "failed"]
    progress: float = Field(ge=0, le=1)
    stage: str = Field(description="What it does, as a name: reading, encoding, comparing, ...")
    step: str = Field(description="What it does, in words")
    count: int = Field(description="How much of the stage is done")
    of: int = Field(description="Of how much; 0 is unknown")
    result: Trained | dict[str, Any] | None = Field(None, description="Of a job that is done")
    error: str | None = Field(None, description="Why it failed")
