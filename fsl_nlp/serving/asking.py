"""Questions of one request: checked, then answered with those of other requests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import Request

from fsl_nlp.runtime.bot import Bot
from fsl_nlp.serving.bots import ServedBot
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.middleware import BOT
from fsl_nlp.serving.recording import Answers, record
from fsl_nlp.serving.settings import ServerSettings
from fsl_nlp.types import Example, Label, Prediction

if TYPE_CHECKING:
    from fsl_nlp.answering import Answering


async def ask(
    request: Request,
    bot: ServedBot,
    questions: Sequence[str | Example],
    *,
    top_k: int = 3,
    nearest: int = 0,
    why: bool = False,
    multiple: bool = False,
) -> Answers:
    """The `Prediction` of each question; with `multiple`, a list of them for each.

    All endpoints that answer questions ask here, whatever the shape of their answers.
    """
    server = request.app.state.server
    examples = check_questions(questions, bot, server.settings)
    request.scope[BOT] = bot.name
    options = {"top_k": top_k, "nearest": nearest, "why": why, "multiple": multiple}
    answers = await server.batcher.submit(
        bot,
        examples,
        partial(_classify, options=options),
        tuple(options.values()),
        slow=why or multiple or (nearest > 0 and _must_read_examples(bot)),
        is_gone=request.is_disconnected,
    )
    server.metrics.answered(bot.name, answers)
    return record(request, bot.name, examples, answers)


def _must_read_examples(bot: ServedBot) -> bool:
    """Whether the nearest examples of a bot take as long as reading all of them."""
    answering = bot.current.answering
    return isinstance(answering, Bot) and not answering.has_example_vectors


def _classify(
    answering: Answering, examples: list[Example], options: dict[str, Any]
) -> Sequence[Prediction | list[Prediction]]:
    answers: Any = answering.classify(examples, **options)
    return answers


def ranking(prediction: Prediction) -> list[tuple[Label, float]]:
    """The labels of a prediction with their confidences, the best first, answered or not.

    >>> from fsl_nlp.types import Alternative
    >>> ranking(Prediction(None, 0.4, 0.1, "out_of_scope", (Alternative("track", 0.4),)))
    [('track', 0.4)]
    """
    first = [] if prediction.label is None else [(prediction.label, prediction.confidence)]
    return [*first, *((other.label, other.confidence) for other in prediction.alternatives)]


def doubt(prediction: Prediction) -> float:
    """The probability that the best label is wrong, because another is right or none is.

    >>> doubt(Prediction(None, 0.8, 0.6, "out_of_scope", in_scope=0.25))
    0.8
    """
    in_scope = 1.0 if prediction.in_scope is None else prediction.in_scope
    return 1.0 - prediction.confidence * in_scope


def check_questions(
    questions: Sequence[str | Example], bot: ServedBot, settings: ServerSettings
) -> list[Example]:
    """Questions as examples of the kind that the bot takes.

    Long lists and long texts are refused. So is a wrong kind, here and not in the batch: there it
    would fail the questions of other requests, too.
    """
    examples = [Example(q) if isinstance(q, str) else q for q in questions]
    check_texts([text for e in examples for text in (e.text, e.text_b or "")], settings)
    if len(examples) > settings.texts:
        raise RequestError(
            "too_large", f"{len(examples)} texts; one request takes at most {settings.texts}."
        )
    inputs = bot.current.answering.classifier_.inputs
    for i, example in enumerate(examples):
        if example.text.strip():  # a blank question gets no answer, whatever its kind
            inputs.check([example], "text", i)
    return examples


def check_texts(texts: Sequence[str], settings: ServerSettings) -> None:
    """Refuse texts that are too long."""
    longest = max(map(len, texts), default=0)
    if longest > settings.characters:
        raise RequestError(
            "too_large",
            f"A text has {longest} characters; at most {settings.characters} are taken.",
        )
