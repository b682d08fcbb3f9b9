"""How large the body of a request may be, and how long a request may take."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from fsl_nlp.serving.errors import RequestError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

    from fsl_nlp.serving.settings import ServerSettings

UPLOADS = frozenset({"/v1/train"})  # paths that take files

_TIME = "fsl_nlp.time"  # where a request's scope holds its TimeLimit


class TimeLimit:
    """Cancels the task of a request that takes too long, or whose body comes too slowly.

    One timer, which looks again as long as there is time: a cancel scope of anyio takes ten times
    as long to make.
    """

    def __init__(self, settings: ServerSettings, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._patience = settings.body_timeout
        self._start = self._loop.time()
        self._end = self._start + seconds
        self._waiting: float | None = None  # for a part of the body, since then
        self._timer = self._loop.call_later(min(seconds, self._patience), self._look)
        self.is_over = False

    def extend(self, seconds: float) -> None:
        """Let the request take so many seconds from its start, if that is later."""
        self._end = max(self._end, self._start + seconds)

    @property
    def waits_for_body(self) -> bool:
        """Whether a part of the body is missing."""
        return self._waiting is not None

    async def wait_for_body(self, receive: Receive) -> Message:
        """The next part of the body."""
        self._waiting = self._loop.time()
        message = await receive()
        self._waiting = None
        return message

    def stop(self) -> None:
        """The request is answered."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        end = min(self._end, (now if self._waiting is None else self._waiting) + self._patience)
        if now < end:
            self._timer = self._loop.call_at(end, self._look)
        elif self._task is not None:
            self.is_over = True
            self._task.cancel()

    def forget_cancel(self) -> None:
        """The task goes on, and answers; asyncio counts what cancels a task."""
        if sys.version_info >= (3, 11) and self._task is not None:
            self._task.uncancel()


def allow_work(scope: Scope) -> None:
    """Give a request the time that edits and training may take."""
    if time := scope.get(_TIME):
        time.extend(scope["app"].state.server.settings.work_timeout)


class Memory:
    """The bytes of all bodies that are read or worked on."""

    def __init__(self, most: int) -> None:
        self.bytes = 0
        self._most = most

    @property
    def is_full(self) -> bool:
        """Whether there are too many."""
        return self.bytes > self._most


class Body:
    """The body of a request, which ends in time and is not too large."""

    def __init__(
        self, scope: Scope, receive: Receive, settings: ServerSettings, memory: Memory
    ) -> None:
        is_upload = scope["path"] in UPLOADS
        self._limit = settings.upload if is_upload else settings.body
        self._memory = None if is_upload else memory  # files go to the disk
        self._receive = receive
        self._bytes = 0
        self._is_whole = False
        self._check_length(scope)
        self.time = scope[_TIME] = TimeLimit(settings, settings.timeout)

    def _check_length(self, scope: Scope) -> None:
        """Refuse a body that says it is too large."""
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > self._limit:
                raise self._too_large()

    async def receive(self) -> Message:
        """The next part of the body."""
        if self._is_whole:  # what comes now is the end of the connection
            return await self._receive()
        message = await self.time.wait_for_body(self._receive)
        count = len(message.get("body", b""))
        self._bytes += count
        if self._memory:
            self._memory.bytes += count
        if self._bytes > self._limit:
            raise self._too_large()
        if self._memory and self._memory.is_full:
            raise RequestError(
                "overloaded", "Too much is sent at once. Try again.", {"Retry-After": "1"}
            )
        self._is_whole = not message.get("more_body", False)
        return message

    def close(self) -> None:
        """The request is answered."""
        self.time.stop()
        if self._memory:
            self._memory.bytes -= self._bytes

    def late(self) -> RequestError:
        """The error of a request whose time is over."""
        if self.time.waits_for_body:
            # The rest of the body would be read as the next request.
            close = {"Connection": "close"}
            return RequestError("slow_body", "The body of the request came too slowly.", close)
        return RequestError(
            "timeout", "The answer took too long. Ask for less at once, or again later."
        )

    def _too_large(self) -> RequestError:
        return RequestError("too_large", f"The body is too large: at most {self._limit:,} bytes.")
