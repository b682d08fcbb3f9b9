"""Questions of one request: checked, then answered with those of other requests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import Request

from fsl_nlp.serving.bots import ServedBot
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.settings import ServerSettings
from fsl_nlp.types import Label, Prediction

if TYPE_CHECKING:
    from fsl_nlp.answering import Answering


async def ask(
    request: Request,
    bot: ServedBot,
    texts: list[str],
    *,
    top_k: int = 3,
    nearest: int = 0,
    why: bool = False,
    multiple: bool = False,
) -> list[Any]:
    """The `Prediction` of each text; with `multiple`, a list of them for each.

    All endpoints that answer questions ask here, whatever the shape of their answers.
    """
    server = request.app.state.server
    check_texts(texts, server.settings)
    options = {"top_k": top_k, "nearest": nearest, "why": why, "multiple": multiple}
    return list(
        await server.batcher.submit(
            bot, texts, partial(_classify, options=options), tuple(options.values())
        )
    )


def _classify(
    answering: Answering, texts: list[str], options: dict[str, Any]
) -> Sequence[Prediction | list[Prediction]]:
    answers: Any = answering.classify(texts, **options)
    return answers


def ranking(prediction: Prediction) -> list[tuple[Label, float]]:
    """The labels of a prediction with their confidences, the best first, answered or not.

    >>> from fsl_nlp.types import Alternative
    >>> ranking(Prediction(None, 0.4, 0.1, "out_of_scope", (Alternative("track", 0.4),)))
    [('track', 0.4)]
    """
    first = [] if prediction.label is None else [(prediction.label, prediction.confidence)]
    return [*first, *((other.label, other.confidence) for other in prediction.alternatives)]


def check_texts(texts: Sequence[str], settings: ServerSettings) -> None:
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
