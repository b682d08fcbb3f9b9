"""Scores of all labels, and vectors of texts, in the shapes of Hugging Face and of OpenAI.

`POST /predict` and `POST /embed` are those of text-embeddings-inference, `POST /` is that of the
hosted inference of Hugging Face, and `POST /v1/embeddings` that of OpenAI.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.protocols import Vectors
from fsl_nlp.serving.asking import ask, check_questions, doubt, ranking
from fsl_nlp.serving.body import ForeignBody
from fsl_nlp.serving.bots import ServedBot
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.queues import estimated_tokens
from fsl_nlp.types import Example, Prediction
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.answering import Answering

router = APIRouter(tags=["Other servers' shapes"], dependencies=[Depends(require("ask"))])


def _explained(message: str) -> WrapValidator:
    """One sentence for a value of several types, instead of one for each type."""

    def check(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise PydanticCustomError("shape", message) from None

    return WrapValidator(check)


_SMALLEST = 1e-300  # probability whose logarithm JSON can hold
_TextOrPair = Annotated[list[str], Field(min_length=1, max_length=2)]
_Inputs = Annotated[
    str | _TextOrPair | Annotated[list[_TextOrPair], Field(min_length=1)],
    _explained('give a text, a pair ["a", "b"], or a batch [["a"], ["b", "c"]]'),
]
_Texts = Annotated[
    str | Annotated[list[str], Field(min_length=1)],
    _explained("give a text, or a list of texts"),
]
_Unknown = Annotated[
    str | None,
    Query(description="A label to put first, with its probability, where the bot does not know."),
]


class PredictRequest(ForeignBody):
    """A text, a pair of texts, or a batch of both: [["a"], ["b", "c"]]."""

    inputs: _Inputs
    truncate: bool | None = None  # false refuses texts that are too long to be read whole
    raw_scores: bool = False  # logarithms of the probabilities


class Score(BaseModel):
    """A label and its probability."""

    score: float
    label: str


@router.post("/predict", response_model=list[Score] | list[list[Score]])
async def predict(
    request: Request, body: PredictRequest, bot: str | None = None, unknown: _Unknown = None
) -> Any:
    """Labels with their scores, the best first, as text-embeddings-inference gives them."""
    served = request.app.state.server.bots[bot]
    is_batch = isinstance(body.inputs, list) and isinstance(body.inputs[0], list)
    inputs: Any = body.inputs if is_batch else [body.inputs]
    examples = [_example(item) for item in inputs]
    predictions = await _all_labels(request, served, examples)
    if body.truncate is False and any(prediction.truncated for prediction in predictions):
        raise RequestError("too_large", "A text is too long to be read whole. Allow truncate.")
    rows = [_scores(prediction, unknown, raw=body.raw_scores) for prediction in predictions]
    return rows if is_batch else rows[0]


def _example(item: str | list[str]) -> Example:
    text, *second = [item] if isinstance(item, str) else item
    return Example(text, text_b=second[0] if second else None)


class TaskParameters(BaseModel):
    """How many labels are given, and what is done to their scores."""

    top_k: Annotated[int, Field(ge=1)] | None = None
    function_to_apply: Literal["softmax", "none"] | None = None


class TaskRequest(ForeignBody):
    """A text, or a list of texts."""

    inputs: _Texts
    parameters: TaskParameters = TaskParameters()


@router.post("/", response_model=list[list[Score]])
async def classify_task(
    request: Request, body: TaskRequest, bot: str | None = None, unknown: _Unknown = None
) -> Any:
    """Labels with their scores, as `InferenceClient(URL).text_classification` expects them."""
    served = request.app.state.server.bots[bot]
    texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
    predictions = await _all_labels(request, served, [Example(text) for text in texts])
    raw = body.parameters.function_to_apply == "none"
    return [_scores(p, unknown, raw=raw)[: body.parameters.top_k] for p in predictions]


async def _all_labels(
    request: Request, bot: ServedBot, examples: list[Example]
) -> list[Prediction]:
    _refuse_blank(examples, "inputs")
    return await ask(request, bot, examples, top_k=len(bot.current.answering.classes_))


def _refuse_blank(examples: list[Example], argument: str) -> None:
    if any(not example.text.strip() for example in examples):
        raise RequestError("empty", f"{argument}: a text is empty. Leave it out.")


def _scores(prediction: Prediction, unknown: str | None, *, raw: bool) -> list[dict[str, Any]]:
    rows = [(str(label), score) for label, score in ranking(prediction)]
    if unknown is not None and prediction.label is None:
        rows.insert(0, (unknown, doubt(prediction)))
    return [
        {"score": math.log(max(score, _SMALLEST)) if raw else score, "label": label}
        for label, score in rows
    ]


class EmbedRequest(ForeignBody):
    """A text, or a list of texts. Vectors have unit length."""

    inputs: _Texts
    normalize: Literal[True] | None = None
    dimensions: None = None


@router.post("/embed")
async def embed(request: Request, body: EmbedRequest, bot: str | None = None) -> list[list[float]]:
    """The vectors of texts, as text-embeddings-inference gives them."""
    vectors = await _vectors(request, request.app.state.server.bots[bot], body.inputs, "inputs")
    return _rounded(vectors)


class EmbeddingsRequest(ForeignBody):
    """Texts to embed. `model` is the name of a bot."""

    input: _Texts
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: None = None


@router.post("/v1/embeddings", **shapes(Vectors))
async def embeddings(
    request: Request, body: EmbeddingsRequest, bot: str | None = None
) -> dict[str, Any]:
    """The vectors of texts, as OpenAI gives them; `usage` is an estimate."""
    served = request.app.state.server.bots[body.model or bot]
    vectors = await _vectors(request, served, body.input, "input")
    is_binary = body.encoding_format == "base64"
    rows: list[Any] = _in_base64(vectors) if is_binary else _rounded(vectors)
    texts = [body.input] if isinstance(body.input, str) else body.input
    tokens = sum(estimated_tokens(Example(text)) for text in texts)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "embedding": row, "index": i} for i, row in enumerate(rows)
        ],
        "model": served.name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


async def _vectors(
    request: Request, bot: ServedBot, texts: str | list[str], argument: str
) -> list[Matrix]:
    server = request.app.state.server
    questions = [texts] if isinstance(texts, str) else texts
    examples = check_questions(questions, bot, server.settings)
    _refuse_blank(examples, argument)
    return list(await server.batcher.submit(bot, examples, _embed, "embed"))


def _embed(answering: Answering, examples: list[Example]) -> Matrix:
    return answering.embed(examples)


def _rounded(vectors: list[Matrix]) -> list[list[float]]:
    """As numbers of JSON; 8 digits are more than a float32 holds at this size."""
    return [np.round(vector.astype(np.float64), 8).tolist() for vector in vectors]


def _in_base64(vectors: list[Matrix]) -> list[str]:
    """As float32, the lowest byte first."""
    return [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in vectors]
