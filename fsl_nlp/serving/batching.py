"""Questions of many requests, answered together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from fsl_nlp.serving.bots import ServedBot
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.settings import ServerSettings

# What is computed for a group of questions to one bot.
Work = Callable[[Any, list[str]], Sequence[Any]]


@dataclass(frozen=True)
class _Waiting:
    bot: ServedBot
    key: object  # questions with equal keys go together
    work: Work
    texts: list[str]
    answers: asyncio.Future[Sequence[Any]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Batcher:
    """Answers the questions that wait, those of many requests in one call.

    One thread computes. What comes meanwhile waits, and goes together next, up to a budget of
    tokens. A request that finds too many questions waiting is refused at once.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, "answers")
        self._waiting: deque[_Waiting] = deque()
        self._count = 0  # of waiting texts
        self._task: asyncio.Task[None] | None = None

    async def submit(
        self, bot: ServedBot, texts: list[str], work: Work, key: object
    ) -> Sequence[Any]:
        """What `work` gives for the texts. Texts of requests with the same key go together."""
        if self._count + len(texts) > self._settings.waiting and self._count:
            raise RequestError(
                "overloaded",
                "Too many questions wait. Ask again in a second.",
                {"Retry-After": "1"},
            )
        bot.look()
        waiting = _Waiting(bot, key, work, texts)
        self._waiting.append(waiting)
        self._count += len(texts)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await waiting.answers

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._take()
            try:
                answers = await loop.run_in_executor(self._thread, _compute, batch)
            except Exception as error:
                for waiting in batch:
                    if not waiting.answers.done():
                        waiting.answers.set_exception(error)
                continue
            for waiting, rows in zip(batch, answers, strict=True):
                if not waiting.answers.done():  # the client may have gone
                    waiting.answers.set_result(rows)

    def _take(self) -> list[_Waiting]:
        """The next requests of one bot and one kind, as many as fit."""
        first = self._waiting[0]
        batch, rest, tokens = [], deque[_Waiting](), 0
        for waiting in self._waiting:
            fits = waiting.bot is first.bot and waiting.key == first.key
            size = sum(len(text) // 3 + 2 for text in waiting.texts)
            if waiting is first or (fits and tokens + size <= self._settings.batch_tokens):
                batch.append(waiting)
                tokens += size
                self._count -= len(waiting.texts)
            else:
                rest.append(waiting)
        self._waiting = rest
        return batch

    def close(self) -> None:
        """Wait for the thread."""
        self._thread.shutdown()


def _compute(batch: list[_Waiting]) -> list[Sequence[Any]]:
    first = batch[0]
    answers = first.work(first.bot.current.answering, [t for w in batch for t in w.texts])
    rows, start = [], 0
    for waiting in batch:
        rows.append(answers[start : start + len(waiting.texts)])
        start += len(waiting.texts)
    return rows
