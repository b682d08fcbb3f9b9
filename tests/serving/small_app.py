"""An application with the server's middleware and a few routes, which needs no bot."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from starlette.responses import StreamingResponse

from fsl_nlp.serving.access import Access, require
from fsl_nlp.serving.body import RequestBody
from fsl_nlp.serving.connections import protocol_of
from fsl_nlp.serving.errors import add_handlers
from fsl_nlp.serving.guard import add_middleware
from fsl_nlp.serving.middleware import BOT
from fsl_nlp.serving.settings import ServerSettings


class Body(RequestBody):
    text: str


def small_app(**settings: Any) -> FastAPI:
    """The application; keywords are settings."""
    app = FastAPI(docs_url=None, redoc_url=None)
    made = ServerSettings((Path("bot"),), **settings)
    app.state.server = SimpleNamespace(settings=made, access=Access(made), bots=("shop",))
    ask, work = [Depends(require("ask"))], [Depends(require("teach"))]

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/echo", dependencies=ask)
    async def echo(request: Request, body: Body) -> dict[str, int]:
        request.scope[BOT] = "shop"
        return {"length": len(body.text)}

    @app.post("/v1/train", dependencies=work)
    async def upload(request: Request) -> dict[str, int]:
        return {"bytes": sum([len(part) async for part in request.stream()])}

    @app.get("/v1/bots/{bot}/sleep")
    async def sleep(bot: str, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return bot

    @app.post("/v1/work", dependencies=work)
    async def long_work(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    @app.get("/v1/fail")
    async def fail() -> str:
        try:
            raise KeyError("a secret text")
        except KeyError as error:
            raise RuntimeError("another secret text") from error

    @app.get("/v1/half")
    async def half() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"x" * 10
            raise RuntimeError("a secret text")

        return StreamingResponse(parts(), headers={"content-length": "100"})

    @app.get("/v1/large")
    async def large(megabytes: int = 16) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(megabytes):
                yield bytes(1 << 20)

        return StreamingResponse(parts())

    @app.get("/page/file.js")
    async def file() -> Response:
        return Response("1", headers={"etag": '"1"'}, media_type="text/javascript")

    @app.get("/v1/plain")
    async def plain(q: Annotated[str, "any text"] = "") -> str:
        return q

    add_handlers(app)
    add_middleware(app, made)
    return app


@contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """Serve an application from a thread; gives the port."""
    settings = app.state.server.settings
    config = uvicorn.Config(
        app,
        port=0,
        http=protocol_of(settings),
        ws="none",
        timeout_keep_alive=settings.keep_alive,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        end = time.monotonic() + 20
        while not server.started and thread.is_alive() and time.monotonic() < end:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
