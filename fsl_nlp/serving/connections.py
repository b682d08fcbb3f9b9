"""The connections of a server: how many, how long they may be silent, and what a head may hold.

uvicorn alone waits for ever for the head of a request, and takes one of any size. Its option
`limit_concurrency` counts silent connections, keeps them, and refuses the requests of others. Here
a new connection takes the place of the one that has waited longest for a whole request.
"""

from __future__ import annotations

import sys
from asyncio import BaseTransport, TimerHandle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fsl_nlp.serving.errors import RequestError, as_answer
from fsl_nlp.serving.middleware import SECURITY_HEADERS
from fsl_nlp.serving.settings import ServerSettings

_OTHER_FILES = 256  # file descriptors for all else: models, databases, logs


@dataclass
class ConnectionCounts:
    """The connections of this process: those that wait, and how many were closed for others."""

    # In order: the first has waited longest for a whole request.
    waiting: dict[Connection, None] = field(default_factory=dict)
    displaced: int = 0  # waiting ones, closed for a new one
    refused: int = 0  # new ones, since all others were at work
    on_close: Callable[[str], object] = str  # called with "displaced" or "refused"


counts = ConnectionCounts()  # a process has one server


def protocol_of(settings: ServerSettings) -> Callable[..., Connection]:
    """What uvicorn makes for each connection: `uvicorn.Config(http=protocol_of(settings))`."""
    return partial(Connection, settings)


class Connection(HttpToolsProtocol):
    """A connection of a client, with its limits."""

    def __init__(self, settings: ServerSettings, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._settings = settings
        self._reading: TimerHandle | None = None  # until a head, or the rest of a body, is here
        self._writing: TimerHandle | None = None  # until the client reads
        self._in_head = True  # the head of the next request is not here
        self._whole = True  # the body of the last one is
        self._head_bytes = 0
        self._request_ended = False  # in the data that are read now

    def connection_made(self, transport: BaseTransport) -> None:
        """Take the connection in, perhaps in place of one that waits."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait_for_request()
        self._read_within(self._settings.head_timeout)
        if len(self.connections) > self._settings.connections:
            self._make_room()

    def _make_room(self) -> None:
        longest = next(iter(counts.waiting))
        if longest is self:
            counts.refused += 1
            counts.on_close("refused")
            self._refuse(RequestError("unavailable", "The server is full.", {"Retry-After": "1"}))
        else:
            counts.displaced += 1
            counts.on_close("displaced")
            longest._forget()
            longest.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is closed, by whomever."""
        self._forget()
        self._stop_reading_timer()
        self.resume_writing()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """A part of a request."""
        self._request_ended = False
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        # Data that ended a request hold at most a small part of the next head.
        self._head_bytes = 0 if self._request_ended else self._head_bytes + len(data)
        if self._head_bytes > self._settings.head:
            self._refuse(RequestError("large_head", "The head of the request is too large."))
        elif self._reading is None and self._is_idle():
            self._read_within(self._settings.head_timeout)

    def on_headers_complete(self) -> None:
        """The head of a request is here."""
        self._in_head, self._whole, self._head_bytes = False, False, 0
        self._stop_reading_timer()
        if self._is_idle():
            self._wait_for_request()  # for its body
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is here as a whole."""
        self._in_head = self._whole = self._request_ended = True
        self._stop_reading_timer()
        if not self._is_idle():
            counts.waiting.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is written, perhaps before the body of its request was read."""
        super().on_response_complete()
        if self._is_idle():  # no request came with this one
            self._wait_for_request()
        if not self._whole:
            self._read_within(self._settings.body_timeout)
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self.pause_writing()

    def pause_writing(self) -> None:
        """The client does not read its answer."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self._settings.body_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def timeout_keep_alive_handler(self) -> None:
        """No other request came. What the client has not read of the last answer is dropped."""
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, in the form of all errors."""
        self._refuse(RequestError("bad_request", msg))

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_request(self) -> None:
        counts.waiting.pop(self, None)
        counts.waiting[self] = None

    def _forget(self) -> None:
        counts.waiting.pop(self, None)
        self.connections.discard(self)

    def _read_within(self, seconds: float) -> None:
        self._stop_reading_timer()
        self._reading = self.loop.call_later(seconds, self.transport.close)

    def _stop_reading_timer(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _refuse(self, error: RequestError) -> None:
        """Answer without the application, and close."""
        answer = as_answer(error)
        headers = [*self.server_state.default_headers, *answer.raw_headers, *SECURITY_HEADERS]
        lines = [b"HTTP/1.1 %d %s" % (error.status, HTTPStatus(error.status).phrase.encode())]
        lines += [name + b": " + value for name, value in (*headers, (b"connection", b"close"))]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self.transport.close()


def allow_files(connections: int) -> int:
    """Let this process open enough files; gives how many connections it can hold, if fewer."""
    if sys.platform == "win32":
        return connections
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    return (
        connections
        if soft == resource.RLIM_INFINITY
        else max(1, min(connections, soft - _OTHER_FILES))
    )
