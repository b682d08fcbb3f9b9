"""Whether the server lives, and what it serves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from fsl_nlp import __version__
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.server import Health, NotReady, Ready, ServerInfo

router = APIRouter()


@router.get("/health", **shapes(Health))
async def health() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/ready", **shapes(Ready, s503=NotReady))
async def ready(request: Request) -> JSONResponse:
    """Every bot answers; 503, with the reason, if the newest save of one cannot be loaded."""
    errors = {bot.name: bot.error for bot in request.app.state.server.bots if bot.error}
    if errors:
        return JSONResponse({"status": "degraded", "errors": errors}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/info", **shapes(ServerInfo))
async def info(request: Request) -> dict[str, Any]:
    """The version of the server, its limits and its bots."""
    server = request.app.state.server
    return {"fsl_nlp": __version__, "bots": [bot.name for bot in server.bots]}
