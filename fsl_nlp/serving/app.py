"""The application: its state, its routes, and how it answers errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from fsl_nlp import __version__
from fsl_nlp.errors import DataError, FslError, OptionError
from fsl_nlp.serving.access import Access
from fsl_nlp.serving.batching import Batcher
from fsl_nlp.serving.bots import Bots
from fsl_nlp.serving.errors import STATUS, RequestError
from fsl_nlp.serving.routes import (
    bots,
    classify,
    downloads,
    health,
    rasa,
)
from fsl_nlp.serving.settings import ServerSettings

ROUTERS: tuple[APIRouter, ...] = (
    classify.router,
    downloads.router,
    health.router,
    bots.router,
    rasa.router,
)


@dataclass(frozen=True)
class State:
    """What the routes share, as `request.app.state.server`."""

    settings: ServerSettings
    bots: Bots
    batcher: Batcher
    access: Access


def create_app(settings: ServerSettings) -> FastAPI:
    """The application of a server, with its bots loaded."""
    state = State(settings, Bots(settings.bots), Batcher(settings), Access(settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        state.batcher.close()

    app = FastAPI(
        title="fsl_nlp", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.server = state
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(FslError, _of_toolkit)
    app.add_exception_handler(Exception, _internal)
    return app


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestError)
    return JSONResponse(error.to_dict(), error.status, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    message = f"{place}: {first['msg']}." if place else f"{first['msg']}."
    return await _refused(request, RequestError("validation", message))


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    """Errors of the framework: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    types = {status: name for name, status in STATUS.items()}
    body = {"error": f"{error.detail}.", "error_type": types.get(error.status_code, "validation")}
    return JSONResponse(body, error.status_code, error.headers)


async def _of_toolkit(request: Request, error: Exception) -> JSONResponse:
    kind = "validation" if isinstance(error, (DataError, OptionError)) else "unavailable"
    return await _refused(request, RequestError(kind, str(error)))


async def _internal(request: Request, error: Exception) -> JSONResponse:
    return await _refused(request, RequestError("internal", "The server failed. Its log says why."))
