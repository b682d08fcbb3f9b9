"""What the server writes to the log of questions, and how routes reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request

from fsl_nlp.errors import LogError
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.middleware import REQUEST_ID
from fsl_nlp.serving.questions.log import QuestionLog, Report
from fsl_nlp.serving.questions.question import Question
from fsl_nlp.serving.questions.redaction import Redaction
from fsl_nlp.serving.settings import ServerSettings
from fsl_nlp.types import Example, Prediction

_AT_ONCE = 4  # requests that wait for the database; there are 5 connections to PostgreSQL
_threads = CapacityLimiter(_AT_ONCE)

Result = TypeVar("Result")

# The id of an answer in the log: one a part if the parts of a message were answered.
Ids = str | list[str] | None


class Answers(list[Any]):
    """Answers to the texts of a request, with their ids in the log; None without a log."""

    def __init__(self, answers: Iterable[Any], ids: Iterable[Ids]) -> None:
        super().__init__(answers)
        self.ids = list(ids)


def open_log(settings: ServerSettings, report: Report) -> QuestionLog | None:
    """The log of a server, which writes; None if it keeps none. `report` takes what it counts."""
    if settings.log is None:
        return None
    log = QuestionLog(
        settings.log,
        days=settings.log_days,
        redact=Redaction.parse(settings.log_redact),
        report=report,
    )
    log.start()
    return log


def record(
    request: Request,
    bot: str,
    examples: Sequence[Example],
    answers: Sequence[Prediction | list[Prediction]],
) -> Answers:
    """Give the answers of a request to the log, if there is one."""
    log: QuestionLog | None = request.app.state.server.questions
    if log is None:
        return Answers(answers, [None] * len(answers))
    name = request.scope.get(REQUEST_ID, "")

    def recorded(text: str, text_b: str | None, answer: Prediction) -> str:
        question = Question.of(text, answer, bot=bot, text_b=text_b, request=name)
        log.record(question)
        return question.id

    ids = list[Ids]()
    for example, answer in zip(examples, answers, strict=True):
        if isinstance(answer, list):
            parts = [(part.part or example.text, example.text_b, part) for part in answer]
            ids.append([recorded(*part) for part in parts])
        else:
            ids.append(recorded(example.text, example.text_b, answer))
    return Answers(answers, ids)


def log_of(request: Request) -> QuestionLog:
    """The log of the server; a RequestError if it keeps none."""
    log: QuestionLog | None = request.app.state.server.questions
    if log is None:
        raise RequestError(
            "not_found",
            "This server keeps no log of questions. Start it with --log sqlite:///questions.db",
        )
    return log


async def in_thread(work: Callable[[], Result]) -> Result:
    """What `work` gives, which may wait for the database of the log."""
    try:
        return await to_thread.run_sync(work, limiter=_threads)
    except LogError:  # its words name the database, which is not for callers
        raise RequestError(
            "unavailable",
            "The log of questions cannot be reached now. Try again in a few seconds.",
            {"Retry-After": "5"},
        ) from None
