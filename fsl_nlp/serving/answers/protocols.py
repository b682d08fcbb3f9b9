"""Vectors as OpenAI gives them, and the Open Inference Protocol."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Vector(BaseModel):
    """The vector of one text: numbers, or their float32 in base64."""

    object: Literal["embedding"]
    embedding: list[float] | str
    index: int


class TokenCounts(BaseModel):
    """An estimate of the tokens that were read."""

    prompt_tokens: int
    total_tokens: int


class Vectors(BaseModel):
    """The vectors of texts, as OpenAI gives them."""

    object: Literal["list"]
    data: list[Vector]
    model: str
    usage: TokenCounts


class ProtocolServer(BaseModel):
    """The server, for the Open Inference Protocol."""

    name: str
    version: str
    extensions: list[str]


class ProtocolLive(BaseModel):
    """The process lives."""

    live: bool


class ProtocolReady(BaseModel):
    """Whether all bots answer from their newest saves."""

    live: bool
    ready: bool


class ModelReady(BaseModel):
    """Whether a bot answers from its newest save."""

    name: str
    ready: bool


class TensorKind(BaseModel):
    """A tensor that a bot takes or gives."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """The tensors of a bot."""

    name: str
    platform: str
    inputs: list[TensorKind]
    outputs: list[TensorKind]


class OutputTensor(BaseModel):
    """Values, one for each text."""

    name: str
    shape: list[int]
    datatype: str
    data: list[str] | list[float]


class Inference(BaseModel):
    """The tensors that were asked for."""

    model_name: str
    outputs: list[OutputTensor]
    id: str | None = None
