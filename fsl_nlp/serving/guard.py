"""What stands before the routes: who asks, how much is sent, and how long it may take."""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING

from starlette.requests import Request

from fsl_nlp.serving.access import caller_of
from fsl_nlp.serving.browsers import RASA, BrowserGuard, check_origin
from fsl_nlp.serving.errors import RequestError, as_answer
from fsl_nlp.serving.limits import Body, Memory
from fsl_nlp.serving.middleware import Envelope

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fsl_nlp.serving.settings import ServerSettings

# What needs no key. Every other path does, one of a route that forgot to say so too; only Rasa's
# clients send a key where the route alone looks for it.
OPEN_PATHS = frozenset({"/", "/health", "/ready", "/info", "/docs", "/openapi.json"})
OPEN_PATHS |= {"/v2", "/v2/health/live", "/v2/health/ready"}
OPEN_FOLDER = "/page/"


class Guard:
    """The middleware that refuses requests before their body is read, or while it is."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._settings = settings
        self._memory = Memory(settings.bodies)
        self._browsers = None if settings.keys else BrowserGuard(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
            body = Body(scope, receive, self._settings, self._memory)
        except RequestError as error:
            await as_answer(error)(scope, receive, send)
            return
        is_answered = False

        async def send_on(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self._app(scope, body.receive, send_on)
        except CancelledError:
            if not body.time.is_over:
                raise
            body.time.forget_cancel()
            if not is_answered:
                await as_answer(body.late())(scope, receive, send)
        finally:
            body.close()

    def _check(self, scope: Scope) -> None:
        if self._browsers:
            self._browsers.check(scope)
        elif not _is_open(scope["path"]):
            caller_of(Request(scope))


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER) or path.endswith(RASA)


def add_middleware(app: FastAPI, settings: ServerSettings) -> None:
    """Put the middleware before the routes of an application."""
    from starlette.middleware.cors import CORSMiddleware

    # The last one that is added comes first.
    app.add_middleware(Guard, settings=settings)
    if settings.allow_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[check_origin(origin) for origin in settings.allow_origins],
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "X-API-Key", "X-File-Name", "X-Request-Id"],
            expose_headers=["Retry-After", "X-Request-Id"],
        )
    app.add_middleware(Envelope, settings=settings)
