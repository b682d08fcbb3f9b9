"""Whether the server lives, and that something was done."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"]


class Ready(BaseModel):
    """Every bot answers from its newest save."""

    status: Literal["ready"]


class NotReady(BaseModel):
    """The newest save of a bot cannot be loaded; an older one answers."""

    status: Literal["degraded"]
    errors: dict[str, str]


class ServerInfo(BaseModel):
    """The server."""

    fsl_nlp: str
    bots: list[str]


class Done(BaseModel):
    """It was done."""

    ok: Literal[True]
