"""Whether the server lives, and that something was done."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"]


class Ready(BaseModel):
    """Requests are answered; where it is degraded, by an older save of the bots in `errors`."""

    status: Literal["ready", "degraded"]
    errors: dict[str, str] = {}


class NotReady(BaseModel):
    """The server stops."""

    status: Literal["stopping"]


class ModelType(BaseModel):
    """What text-embeddings-inference says of a classifier."""

    classifier: dict[str, str]


class ServerInfo(BaseModel):
    """The server; fields that begin with `model` are of the first bot."""

    model_config = ConfigDict(protected_namespaces=())

    version: str
    bots: list[str]
    limits: dict[str, float]
    max_batch_tokens: int
    max_client_batch_size: int
    max_concurrent_requests: int
    auto_truncate: bool
    model_id: str | None = None
    model_sha: str | None = None
    model_dtype: str | None = None
    model_type: ModelType | None = None


class Done(BaseModel):
    """It was done."""

    ok: Literal[True]
