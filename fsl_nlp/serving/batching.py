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
from fsl_nlp.types import Example

# What is computed for a group of questions to one bot.
Work = Callable[[Any, list[Example]], Sequence[Any]]


def estimated_tokens(example: Example) -> int:
    """About how many tokens an encoder reads; exact counts would take a second tokenizing.

    >>> estimated_tokens(Example("where is my parcel")), estimated_tokens(Example("a", text_b="b"))
    (8, 4)
    """
    parts = (example.text, example.text_b) if example.text_b else (example.text,)
    return sum(len(part) // 3 + 2 for part in parts)


@dataclass(frozen=True)
class _Waiting:
    bot: ServedBot
    key: object  # questions with equal keys go together
    work: Work
    examples: list[Example]
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
        self._count = 0  # of waiting examples
        self._task: asyncio.Task[None] | None = None

    async def submit(
        self, bot: ServedBot, examples: list[Example], work: Work, key: object
    ) -> Sequence[Any]:
        """What `work` gives for the examples. Those of requests with the same key go together."""
        if self._count + len(examples) > self._settings.waiting and self._count:
            raise RequestError(
                "overloaded",
                "Too many questions wait. Ask again in a second.",
                {"Retry-After": "1"},
            )
        bot.look()
        waiting = _Waiting(bot, key, work, examples)
        self._waiting.append(waiting)
        self._count += len(examples)
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
            size = sum(map(estimated_tokens, waiting.examples))
            if waiting is first or (fits and tokens + size <= self._settings.batch_tokens):
                batch.append(waiting)
                tokens += size
                self._count -= len(waiting.examples)
            else:
                rest.append(waiting)
        self._waiting = rest
        return batch

    def close(self) -> None:
        """Wait for the thread."""
        self._thread.shutdown()


def _compute(batch: list[_Waiting]) -> list[Sequence[Any]]:
    first = batch[0]
    answers = first.work(first.bot.current.answering, [e for w in batch for e in w.examples])
    rows, start = [], 0
    for waiting in batch:
        rows.append(answers[start : start + len(waiting.examples)])
        start += len(waiting.examples)
    return rows
