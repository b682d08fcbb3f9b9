"""Whether the server lives, what it serves, and its numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool

from fsl_nlp import __version__
from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.server import Health, NotReady, Ready, ServerInfo
from fsl_nlp.serving.settings import LIMITS

router = APIRouter()


@router.get("/health", **shapes(Health))
async def health() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/ready", **shapes(Ready, s503=NotReady))
async def ready(request: Request) -> JSONResponse:
    """Whether requests are answered: 503 while the server stops.

    It is "degraded" if the newest save of a bot cannot be loaded; the older one answers on.
    """
    app = request.app
    if app.state.is_stopping:
        return JSONResponse({"status": "stopping"}, 503)
    errors = {bot.name: bot.error for bot in app.state.server.bots if bot.error}
    if errors:
        return JSONResponse({"status": "degraded", "errors": errors})
    return JSONResponse({"status": "ready"})


@router.get("/info", **shapes(ServerInfo))
async def info(request: Request) -> dict[str, Any]:
    """The version of the server, its bots and its limits.

    Fields that text-embeddings-inference has, too, have its names and are of the first bot.
    """
    server = request.app.state.server
    settings = asdict(server.settings)
    fields: dict[str, Any] = {
        "version": __version__,
        "max_batch_tokens": settings["batch_tokens"],
        "max_client_batch_size": settings["texts"],
        "max_concurrent_requests": settings["waiting"],
        "auto_truncate": True,
        "bots": [bot.name for bot in server.bots],
        "limits": {name: settings[name] for name in LIMITS},
    }
    if bots := list(server.bots):
        current = bots[0].current.inspection
        fields |= {
            "model_id": bots[0].name,
            "model_sha": current.model_version,
            "model_dtype": current.precision,
            "model_type": {"classifier": {}},
        }
    return fields


@router.get("/metrics", dependencies=[Depends(require("ask"))], response_class=Response)
async def metrics(request: Request) -> Response:
    """Counts and times for Prometheus."""
    # In a thread: with several workers it reads the files of all.
    text = await run_in_threadpool(request.app.state.server.metrics.as_text)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
