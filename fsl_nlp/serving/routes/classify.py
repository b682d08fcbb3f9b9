"""`POST /v1/classify`: labels of texts, or "I don't know"."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from pydantic_core import to_json

from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.questions import Answer, AnswerInParts
from fsl_nlp.serving.asking import ask
from fsl_nlp.serving.body import RequestBody, parse, takes
from fsl_nlp.types import Example, Prediction

router = APIRouter()
_FIELDS = tuple(field.name for field in dataclasses.fields(Prediction))


class Pair(RequestBody):
    """Two texts, for a bot that was fitted on pairs."""

    text: str
    text_b: str


class ClassifyRequest(RequestBody):
    """Texts to label, and how much to say of each."""

    text: str | Pair | list[str | Pair]
    bot: str | None = Field(None, description="Its name; without one the first bot answers")
    top_k: int = Field(3, ge=1, le=1000, description="Labels: the best one and alternatives")
    nearest: int = Field(0, ge=0, le=100, description="Learned sentences that are most similar")
    why: bool = Field(False, description="Tell the words that the answer rests on")
    multiple: bool = Field(False, description="Answer each part of a message on its own")


@router.post(
    "/v1/classify",
    dependencies=[Depends(require("ask"))],
    **takes(ClassifyRequest),
    **shapes(Answer | AnswerInParts | list[Answer | AnswerInParts]),
)
async def classify(request: Request) -> Response:
    """The label of a text, null if the bot does not know; a list of answers for a list."""
    body = await parse(request, ClassifyRequest)
    bot = request.app.state.server.bots[body.bot]
    questions = body.text if isinstance(body.text, list) else [body.text]
    answers = await ask(
        request,
        bot,
        [q if isinstance(q, str) else Example(q.text, text_b=q.text_b) for q in questions],
        top_k=body.top_k,
        nearest=body.nearest,
        why=body.why,
        multiple=body.multiple,
    )
    rows = [_row(answer, bot.name, ids) for answer, ids in zip(answers, answers.ids, strict=True)]
    # The framework would take longer to write the answer than all else here takes.
    content = to_json(rows if isinstance(body.text, list) else rows[0])
    return Response(content, media_type="application/json")


def _row(
    answer: Prediction | list[Prediction], bot: str, ids: str | list[str] | None
) -> dict[str, Any]:
    """An answer with the name of the bot, and with its id in the log if there is one."""
    if isinstance(answer, list):
        names: Sequence[str | None] = ids or [None] * len(answer)
        parts = [_named(part, name) for part, name in zip(answer, names, strict=True)]
        return {"bot": bot, "parts": parts}
    assert not isinstance(ids, list)
    return {"bot": bot, **_named(answer, ids)}


def _named(answer: Prediction, name: str | None) -> dict[str, Any]:
    fields = {field: getattr(answer, field) for field in _FIELDS}
    return fields | {"id": name} if name else fields
