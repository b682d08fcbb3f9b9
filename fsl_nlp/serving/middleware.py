"""What every answer has: a request id, security headers, one form of errors, a line in the log.

The middleware is plain ASGI: the framework's base class would add a task and a queue to every
request.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from fsl_nlp.serving.errors import INTERNAL, as_answer
from fsl_nlp.serving.logs import write_error, write_line

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fsl_nlp.serving.settings import ServerSettings

# Everything that the page loads comes from this server; no other page may frame it or use it.
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        b"object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# Answers are for one caller. Files may be kept, but a browser asks whether they changed.
_CACHE, _CACHE_OF_FILES = (b"cache-control", b"no-store"), (b"cache-control", b"no-cache")
_REQUEST_ID = re.compile(rb"[0-9A-Za-z._-]{1,64}")
BOT = "fsl_nlp.bot"  # where a request's scope holds the name of its bot
REQUEST_ID = "fsl_nlp.request_id"  # where it holds the id of the request
_CLIENT_GONE = 499  # nginx's status, in logs alone


class Envelope:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._access_log = settings.access_log
        self._messages = settings.debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            await self._app(exchange.scope, receive, exchange.send)
        except ClientDisconnect:
            exchange.status = _CLIENT_GONE
        except Exception as error:
            write_error(error, messages=self._messages, **exchange.names())
            # An answer that has begun is cut off: the server closes a connection whose answer is
            # not complete.
            if not exchange.status:
                await as_answer(INTERNAL)(scope, receive, exchange.send)
        finally:
            if "route" in exchange.scope:  # the scope of HEAD is a copy
                scope["route"] = exchange.scope["route"]
            if self._access_log:
                write_line(**exchange.line())


class _Exchange:
    """A request, its id, and what is sent for it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._start = time.perf_counter()
        self._is_head = scope["method"] == "HEAD"
        # What can be read can be asked for without its body.
        self.scope = {**scope, "method": "GET"} if self._is_head else scope
        self._send = send
        self.id = _request_id(scope)
        self.scope[REQUEST_ID] = self.id.decode()
        self.status = 0
        self._bytes = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._headers(message["headers"])}
        elif self._is_head:
            message = {**message, "body": b""}
        else:
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    def _headers(self, headers: Any) -> list[tuple[bytes, bytes]]:
        sent = list(headers)
        names = {name for name, _ in sent}
        cache = _CACHE_OF_FILES if b"etag" in names else _CACHE
        sent += (pair for pair in (*SECURITY_HEADERS, cache) if pair[0] not in names)
        sent.append((b"x-request-id", self.id))
        return sent

    def names(self) -> dict[str, Any]:
        """What the log says of the request: its route, not its path, which may hold anything."""
        route = getattr(self.scope.get("route"), "path", None)
        method = "HEAD" if self._is_head else self.scope["method"]
        return {"id": self.id.decode(), "method": method, "path": route}

    def line(self) -> dict[str, Any]:
        """The line of the access log."""
        caller = self.scope.get("fsl_nlp.caller")
        return {
            **self.names(),
            "status": self.status or _CLIENT_GONE,
            "milliseconds": round(1000 * (time.perf_counter() - self._start), 1),
            "bytes": self._bytes,
            "bot": self._bot(),
            "key": caller.name if caller else None,
        }

    def _bot(self) -> str | None:
        """The bot of the request, if there is one of this name: any text can be in a path."""
        name = self.scope.get(BOT) or self.scope.get("path_params", {}).get("bot")
        return name if name and name in self.scope["app"].state.server.bots else None


def _request_id(scope: Scope) -> bytes:
    """The caller's id if it is short and harmless, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return secrets.token_hex(8).encode()
