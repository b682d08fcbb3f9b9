"""How large the body of a request may be, and how long a request may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from fsl_nlp.serving.errors import RequestError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from fsl_nlp.serving.settings import ServerSettings

UPLOADS = frozenset({"/v1/train"})  # paths that take files

_TIME = "fsl_nlp.time"


def allow_work(scope: Scope) -> None:
    """Give a request the time that edits and training may take."""
    if time := scope.get(_TIME):
        time.deadline = anyio.current_time() + scope["app"].state.server.settings.work_timeout


class Body:
    """The body of a request, which ends in time and is not too large."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, settings: ServerSettings
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._limit = settings.upload if scope["path"] in UPLOADS else settings.body
        self._patience = settings.body_timeout
        self._bytes = 0
        self._is_waiting = False
        self._is_whole = False
        self.is_answered = False
        self.time = anyio.CancelScope(deadline=anyio.current_time() + settings.timeout)
        scope[_TIME] = self.time

    def check_length(self) -> None:
        """Refuse a body that says it is too large."""
        for name, value in self._scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > self._limit:
                raise self._too_large()

    async def receive(self) -> Message:
        """The next part of the body, which must come soon."""
        if self._is_whole:  # what comes now is the end of the connection
            return await self._receive()
        end = self.time.deadline
        self.time.deadline = min(end, anyio.current_time() + self._patience)
        self._is_waiting = True
        message = await self._receive()
        self._is_waiting = False
        self.time.deadline = end
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._limit:
            raise self._too_large()
        self._is_whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        self.is_answered = True
        await self._send(message)

    def late(self) -> RequestError:
        """The error of a request whose time is over."""
        if self._is_waiting:
            # The rest of the body would be read as the next request.
            close = {"Connection": "close"}
            return RequestError("slow_body", "The body of the request came too slowly.", close)
        return RequestError(
            "timeout", "The answer took too long. Ask for less at once, or again later."
        )

    def _too_large(self) -> RequestError:
        return RequestError("too_large", f"The body is too large: at most {self._limit:,} bytes.")
