"""`POST /model/parse` as a Rasa server answers it, for Rasa and for clients that speak to Rasa.

Rasa asks another server with `RasaNLUHttpInterpreter`: it sends {"token", "text", "message_id"}
and takes what comes with the status 200. What buttons send, "/intent", comes here too.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError

from fsl_nlp.explaining import words
from fsl_nlp.json_text import parse_json
from fsl_nlp.serving.access import check, offer_key
from fsl_nlp.serving.asking import ask, check_texts, doubt, ranking
from fsl_nlp.serving.body import ForeignBody
from fsl_nlp.serving.bots import ServedBot
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.types import Label, Prediction

router = APIRouter(tags=["Other servers' shapes"])

FALLBACK = "nlu_fallback"  # what Rasa's FallbackClassifier answers if it does not know
_INTENTS = 10  # that Rasa ranks
# What a button sends: an intent, its confidence, entities in JSON.
_BUTTON = re.compile(r"/(?P<name>[^{@]+)(?:@(?P<confidence>[0-9.]+))?(?P<entities>\{.*\})?", re.S)
_ONE_WORD = re.compile(r"[\w.:+/-]+")


class RasaMessage(ForeignBody):
    """A message as Rasa sends it. `token` is an API key; other fields are ignored."""

    text: str
    message_id: str | int | None = None
    token: str | None = None


class RasaIntent(BaseModel):
    """An intent and its confidence."""

    name: str
    confidence: float


class RasaEntity(BaseModel):
    """What a button says beside its intent; `start` and `end` are where that stands."""

    entity: str
    value: Any
    start: int
    end: int


class RasaParse(BaseModel):
    """What is read from a message. `text_tokens` are the places of its words."""

    text: str
    intent: RasaIntent
    entities: list[RasaEntity]
    text_tokens: list[tuple[int, int]]
    intent_ranking: list[RasaIntent]
    message_id: str
    metadata: dict[str, Any] = Field(default_factory=dict)


async def _message(request: Request, token: str | None = None) -> RasaMessage:
    """The message of a caller who may ask, whatever type of content its header names.

    `curl -d` names a form, and Rasa reads that as JSON.
    """
    try:
        message = RasaMessage.model_validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    offer_key(request, message.token or token)
    check(request, "ask")
    return message


_BODY = {"content": {"application/json": {"schema": RasaMessage.model_json_schema()}}}
_OPTIONS: dict[str, Any] = {
    "response_model": RasaParse,
    "openapi_extra": {
        "security": [{"ask": []}],  # `_message` checks it
        "requestBody": {"required": True, **_BODY},
    },
}


@router.post("/model/parse", **_OPTIONS)
@router.post("/v1/bots/{bot}/model/parse", **_OPTIONS)
async def parse(
    request: Request,
    message: Annotated[RasaMessage, Depends(_message)],
    bot: str | None = None,
    emulation_mode: str | None = None,
) -> JSONResponse:
    """The intent of a message, as Rasa's server gives it; `nlu_fallback` for "I don't know"."""
    if emulation_mode is not None:
        raise RequestError(
            "validation", "emulation_mode: leave it out. Only Rasa's shape is known."
        )
    server = request.app.state.server
    served = server.bots[bot]
    check_texts([message.text], server.settings)
    intent = _of_button(message.text, served)
    if intent is None:
        (prediction,) = await ask(request, served, [message.text], top_k=_INTENTS)
        intent = _of_prediction(prediction)
    body = {
        "text": message.text,
        "entities": [],
        "text_tokens": words(message.text),
        "message_id": uuid4().hex if message.message_id is None else str(message.message_id),
        "metadata": {},
        **intent,
    }
    return JSONResponse({name: body[name] for name in RasaParse.model_fields})


def _of_prediction(prediction: Prediction) -> dict[str, Any]:
    """The intent and the ranking; without an answer, `nlu_fallback` stands before the labels.

    Rasa's `FallbackClassifier` puts it there with its threshold as the confidence. Here it is the
    probability that the best label is wrong.
    """
    rows = [_intent(label, confidence) for label, confidence in ranking(prediction)]
    if prediction.label is None:
        rows.insert(0, _intent(FALLBACK, doubt(prediction)))
    return {"intent": rows[0], "intent_ranking": rows}


def _of_button(text: str, bot: ServedBot) -> dict[str, Any] | None:
    """The intent that a message like /inform{"size": "XL"} names; None for other messages.

    Rasa knows the intents of its domain. A bot knows its labels alone, so another name is taken
    if it is one word.
    """
    match = _BUTTON.fullmatch(text.strip())
    if match is None:
        return None
    name = match["name"].strip()
    labels = {str(label) for label in bot.current.answering.classes_.tolist()}
    if name not in labels and not _ONE_WORD.fullmatch(name):
        return None
    intent = _intent(name, _confidence(match["confidence"]))
    span = {"start": match.start("entities"), "end": match.end("entities")}
    entities = [
        {"entity": entity, "value": value, **span}
        for entity, values in _entities(match["entities"]).items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return {"intent": intent, "intent_ranking": [intent], "entities": entities}


def _intent(name: Label, confidence: float) -> dict[str, Any]:
    return {"name": str(name), "confidence": confidence}


def _confidence(written: str | None) -> float:
    """As Rasa reads it: 1 if it is missing, at most 1, 0 if it is no number."""
    try:
        return 1.0 if written is None else min(1.0, float(written))
    except ValueError:
        return 0.0


def _entities(written: str | None) -> dict[str, Any]:
    """As Rasa reads them: none if it is no JSON object, or one that no answer can hold."""
    try:
        entities = parse_json(written or "{}")
        json.dumps(entities, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return {}
    return entities if isinstance(entities, dict) else {}
