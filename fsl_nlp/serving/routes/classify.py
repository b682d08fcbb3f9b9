"""`POST /v1/classify`: labels of texts, or "I don't know"."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from fsl_nlp.serving.access import require
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.types import Prediction

if TYPE_CHECKING:
    from fsl_nlp.answering import Answering

router = APIRouter()


class ClassifyRequest(BaseModel):
    """Texts to label, and how much to say of each."""

    model_config = ConfigDict(extra="forbid")

    text: str | list[str]
    bot: str | None = None
    top_k: int = Field(3, ge=1, le=1000)
    nearest: int = Field(0, ge=0, le=100)
    why: bool = False
    multiple: bool = False


@router.post("/v1/classify", dependencies=[Depends(require("ask"))])
async def classify(request: Request, body: ClassifyRequest) -> Any:
    """The label of a text, null if the bot does not know; a list of answers for a list."""
    server = request.app.state.server
    bot = server.bots[body.bot]
    texts = [body.text] if isinstance(body.text, str) else body.text
    check_texts(texts, server.settings)
    options = {"top_k": body.top_k, "nearest": body.nearest}
    options |= {"why": body.why, "multiple": body.multiple}
    answers = await server.batcher.submit(
        bot, texts, partial(_classify, options=options), tuple(options.values())
    )
    rows = [_row(answer, bot.name) for answer in answers]
    return rows[0] if isinstance(body.text, str) else rows


def check_texts(texts: Sequence[str], settings: Any) -> None:
    """Refuse lists and texts that are too long."""
    if len(texts) > settings.texts:
        raise RequestError(
            "too_large", f"{len(texts)} texts; one request takes at most {settings.texts}."
        )
    longest = max(map(len, texts), default=0)
    if longest > settings.characters:
        raise RequestError(
            "too_large",
            f"A text has {longest} characters; at most {settings.characters} are taken.",
        )


def _classify(
    answering: Answering, texts: list[str], options: dict[str, Any]
) -> Sequence[Prediction | list[Prediction]]:
    answers: Any = answering.classify(texts, **options)
    return answers


def _row(answer: Prediction | list[Prediction], bot: str) -> dict[str, Any]:
    if isinstance(answer, list):
        return {"bot": bot, "parts": [part.to_dict() for part in answer]}
    return {"bot": bot, **answer.to_dict()}
