"""Questions of many requests, answered together."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fsl_nlp.runtime.session import usable_threads
from fsl_nlp.serving.bots import ServedBot
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.metrics import Metrics
from fsl_nlp.serving.queues import Piece, Queue, Waiting, Work, compute
from fsl_nlp.serving.settings import ServerSettings
from fsl_nlp.types import Example

# A question with `why` or `multiple` takes as long as dozens of others. They have a thread of
# their own, which answers one at a time, and this share of the questions that may wait.
_SLOW_SHARE = 1 / 16
_GONE = 0.1  # seconds of waiting after which it is checked whether the client is still there
_IDLE = 0.1  # seconds without a question, after which the next one does not wait for others
_LONGEST_RETRY = 60  # seconds


class Batcher:
    """Answers the questions that wait, those of many requests in one call.

    Each thread computes a batch of its own. What comes while all of them compute waits, and goes
    together next, up to a budget of tokens. A request that finds too many questions waiting is
    refused at once.
    """

    def __init__(self, settings: ServerSettings, metrics: Metrics) -> None:
        threads = settings.threads or usable_threads()
        slow = max(1, int(settings.waiting * _SLOW_SHARE))
        self._plain = _Lane(
            "plain", settings, metrics, settings.waiting, settings.batch_tokens, threads
        )
        self._slow = _Lane("slow", settings, metrics, slow, 1, 1)

    async def submit(
        self,
        bot: ServedBot,
        examples: list[Example],
        work: Work,
        key: object,
        *,
        slow: bool = False,
        is_gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> Sequence[Any]:
        """What `work` gives for the examples, all of one save of the bot.

        Those of requests with the same key go together. `slow` says that each takes long. If
        `is_gone` says that nobody waits for the answers, they are not computed.
        """
        if not examples:
            return []
        lane = self._slow if slow else self._plain
        return await lane.submit(Waiting(bot.name, bot.current, key, work, examples, is_gone))

    def close(self) -> None:
        """Wait for the threads."""
        self._plain.close()
        self._slow.close()


class _Lane:
    """A queue and the threads that answer what waits in it."""

    def __init__(
        self,
        kind: str,
        settings: ServerSettings,
        metrics: Metrics,
        limit: int,
        budget: int,
        threads: int,
    ) -> None:
        self._timeout = settings.timeout
        self._patience = settings.patience
        self._limit = limit
        self._metrics = metrics.lane(kind)
        self._queue = Queue(budget)
        self._count = threads
        self._threads = ThreadPoolExecutor(threads, f"{kind} answers")
        self._free = asyncio.Semaphore(threads)
        self._batches = set[asyncio.Task[None]]()
        self._task: asyncio.Task[None] | None = None
        self._go = asyncio.Event()
        self._enough = 0.0  # requests that a batch waits for
        self._usual = 1.0  # requests in a batch, lately
        self._rate = 1.0  # examples a second of one thread, lately
        self._last = 0.0  # when the last batch was done

    async def submit(self, waiting: Waiting) -> Sequence[Any]:
        queue = self._queue
        if queue.count and queue.count + waiting.left > self._limit:
            seconds = math.ceil(queue.count / (self._count * self._rate))
            seconds = min(max(seconds, 1), _LONGEST_RETRY)
            message = f"Too many questions wait. Ask again in {seconds} s."
            raise RequestError("overloaded", message, {"Retry-After": str(seconds)})
        loop = asyncio.get_running_loop()
        waiting.since = time.perf_counter()  # uvloop's clock has milliseconds
        waiting.result = loop.create_future()
        late = RequestError("timeout", f"No answer within {self._timeout:g} s. Ask again later.")
        timer = loop.call_later(self._timeout, waiting.fail, late)
        queue.put(waiting)
        self._metrics.waits(queue.count)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        elif queue.requests >= self._enough:
            self._go.set()
        try:
            return await waiting.result
        finally:
            timer.cancel()
            queue.drop(waiting)

    async def _run(self) -> None:
        if not self._batches and time.perf_counter() - self._last > _IDLE:
            self._usual = 1.0
        while self._queue.count:
            await self._free.acquire()
            await self._wait_for_more()
            batch = await self._still_wanted(self._queue.take())
            if not batch:
                self._free.release()
                continue
            task = asyncio.create_task(self._compute(batch))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    async def _compute(self, batch: list[Piece]) -> None:
        start = time.perf_counter()
        try:
            loop = asyncio.get_running_loop()
            outcomes = await loop.run_in_executor(self._threads, compute, batch)
        except Exception as error:  # no memory for a thread, for example
            outcomes = [error] * len(batch)
        finally:
            self._free.release()
        self._last = time.perf_counter()
        for piece, outcome in zip(batch, outcomes, strict=True):
            piece.deliver(outcome)
        self._note(batch, start, self._last - start)

    async def _wait_for_more(self) -> None:
        """Wait a few milliseconds for half as many requests as are usual. A lone one is usual."""
        self._enough = self._usual / 2
        if self._queue.requests < self._enough:
            self._go.clear()
            timer = asyncio.get_running_loop().call_later(self._patience, self._go.set)
            await self._go.wait()
            timer.cancel()
        self._enough = math.inf

    async def _still_wanted(self, batch: list[Piece]) -> list[Piece]:
        """The pieces that somebody still waits for."""
        now = time.perf_counter()
        for waiting in {piece.waiting for piece in batch}:
            is_gone = waiting.is_gone if now - waiting.since > _GONE else None
            if is_gone and await is_gone():
                waiting.fail(RequestError("timeout", "The client has gone."))
        return [piece for piece in batch if not piece.waiting.result.done()]

    def _note(self, batch: list[Piece], start: float, seconds: float) -> None:
        requests = {piece.waiting for piece in batch}
        count = sum(len(piece.examples) for piece in batch)
        self._usual += (len(requests) - self._usual) / 4
        self._rate += (count / max(seconds, 1e-6) - self._rate) / 4
        self._metrics.computed(count, seconds, [start - waiting.since for waiting in requests])
        self._metrics.waits(self._queue.count)

    def close(self) -> None:
        self._threads.shutdown()
