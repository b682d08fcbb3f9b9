"""The Open Inference Protocol (KServe, Triton, MLServer): texts in, labels and scores out.

`POST /v2/models/BOT/infer` takes a tensor `text` of BYTES, and `text_b` for pairs. It gives three
tensors of the same length: `label`, "" where the bot does not know, `score`, and `reason`.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from fsl_nlp import __version__
from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.protocols import (
    Inference,
    ModelMetadata,
    ModelReady,
    ProtocolLive,
    ProtocolReady,
    ProtocolServer,
)
from fsl_nlp.serving.asking import ask
from fsl_nlp.serving.body import ForeignBody
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.types import Example

router = APIRouter(tags=["Other servers' shapes"])
_ask = [Depends(require("ask"))]

_OUTPUTS = {"label": "BYTES", "score": "FP32", "reason": "BYTES"}


class InputTensor(BaseModel):
    """A tensor of texts, [n] or [n, 1]."""

    name: str
    shape: list[int] = Field(max_length=2)
    datatype: Literal["BYTES"]
    data: list[Any]

    def texts(self) -> list[str]:
        """The texts in their order."""
        rows = (value if isinstance(value, list) else [value] for value in self.data)
        texts = [text for row in rows for text in row]
        if not all(isinstance(text, str) for text in texts) or math.prod(self.shape) != len(texts):
            raise RequestError("validation", f"{self.name}: the data is no texts of this shape.")
        return texts


class OutputName(BaseModel):
    """A tensor that is asked for."""

    name: Literal["label", "score", "reason"]


_EXAMPLE: Any = {
    "inputs": [
        {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["where is my parcel"]},
    ]
}


class InferRequest(ForeignBody):
    """Texts to label."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str | None = None
    inputs: list[InputTensor] = Field(min_length=1, max_length=2)
    outputs: list[OutputName] | None = None


@router.get("/v2", **shapes(ProtocolServer))
async def server_metadata() -> dict[str, Any]:
    """The server and its version."""
    return {"name": "fsl_nlp", "version": __version__, "extensions": []}


@router.get("/v2/health/live", **shapes(ProtocolLive))
async def live() -> dict[str, bool]:
    """The process lives."""
    return {"live": True}


@router.get("/v2/health/ready", **shapes(ProtocolReady, s503=ProtocolReady))
async def ready(request: Request) -> JSONResponse:
    """Whether requests are answered; 503 while the server stops."""
    is_ready = not request.app.state.is_stopping
    return JSONResponse({"live": True, "ready": is_ready}, 200 if is_ready else 503)


@router.get("/v2/models/{bot}/ready", dependencies=_ask, **shapes(ModelReady, s503=ModelReady))
async def model_ready(request: Request, bot: str) -> JSONResponse:
    """Whether a bot answers; an older save does, if the newest cannot be loaded."""
    return JSONResponse({"name": request.app.state.server.bots[bot].name, "ready": True})


@router.get("/v2/models/{bot}", dependencies=_ask, **shapes(ModelMetadata))
async def model_metadata(request: Request, bot: str) -> dict[str, Any]:
    """The tensors that a bot takes and gives."""
    return {
        "name": request.app.state.server.bots[bot].name,
        "platform": "fsl_nlp",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": n, "datatype": t, "shape": [-1]} for n, t in _OUTPUTS.items()],
    }


@router.post("/v2/models/{bot}/infer", dependencies=_ask, **shapes(Inference))
async def infer(request: Request, bot: str, body: InferRequest) -> dict[str, Any]:
    """The label, the score and the reason of each text."""
    served = request.app.state.server.bots[bot]
    columns = {tensor.name: tensor.texts() for tensor in body.inputs}
    second = columns.pop("text_b", None)
    first = next(iter(columns.values()), [])
    if len(columns) != 1 or (second is not None and len(second) != len(first)):
        raise RequestError("validation", "inputs: give a tensor text, and text_b for pairs alone.")
    texts_b: list[str] | list[None] = second or [None] * len(first)
    examples = [Example(a, text_b=b) for a, b in zip(first, texts_b, strict=True)]
    answers = await ask(request, served, examples)
    values = {
        "label": ["" if answer.label is None else str(answer.label) for answer in answers],
        "score": [answer.confidence for answer in answers],
        "reason": [answer.reason for answer in answers],
    }
    names = list(_OUTPUTS) if body.outputs is None else [output.name for output in body.outputs]
    return {
        "model_name": served.name,
        **({} if body.id is None else {"id": body.id}),
        "outputs": [
            {"name": n, "shape": [len(answers)], "datatype": _OUTPUTS[n], "data": values[n]}
            for n in names
        ],
    }
