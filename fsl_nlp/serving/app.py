"""The application: its state, its routes, and how it answers errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import to_thread
from fastapi import APIRouter, FastAPI

from fsl_nlp import __version__
from fsl_nlp.blas import one_blas_thread
from fsl_nlp.serving import connections, reference
from fsl_nlp.serving.access import Access
from fsl_nlp.serving.batching import Batcher
from fsl_nlp.serving.bots import Bots, reloading_on_hangup
from fsl_nlp.serving.editor import EditsOfBots
from fsl_nlp.serving.errors import add_handlers
from fsl_nlp.serving.guard import add_middleware
from fsl_nlp.serving.jobs import Jobs
from fsl_nlp.serving.metrics import Measured, Metrics
from fsl_nlp.serving.new_bots import NewBots
from fsl_nlp.serving.openapi import use_description
from fsl_nlp.serving.questions.log import QuestionLog
from fsl_nlp.serving.recording import open_log
from fsl_nlp.serving.results import Results
from fsl_nlp.serving.routes import (
    bots,
    checking,
    classify,
    downloads,
    feedback,
    health,
    inference,
    jobs,
    open_inference,
    page,
    rasa,
    teaching,
    training,
)
from fsl_nlp.serving.settings import ServerSettings

ROUTERS: tuple[APIRouter, ...] = (
    classify.router,
    downloads.router,
    health.router,
    bots.router,
    rasa.router,
    inference.router,
    open_inference.router,
    page.router,
    feedback.router,
    teaching.router,
    reference.router,
    jobs.router,
    training.router,
    checking.router,
)


@dataclass(frozen=True)
class State:
    """What the routes share, as `request.app.state.server`."""

    settings: ServerSettings
    bots: Bots
    batcher: Batcher
    access: Access
    questions: QuestionLog | None  # the log, if one is kept
    edits: EditsOfBots
    metrics: Metrics
    new_bots: NewBots
    jobs: Jobs
    results: Results


def create_app(settings: ServerSettings) -> FastAPI:
    """The application of a server, with its bots loaded."""
    metrics, new_bots = Metrics(), NewBots.of(settings)
    state = State(
        settings,
        Bots(settings.bots, report=metrics.reloaded),
        Batcher(settings, metrics),
        Access(settings),
        open_log(settings, metrics.logged),
        EditsOfBots(),
        metrics,
        new_bots,
        Jobs(new_bots.state / "jobs", settings),
        Results(new_bots.state / "results"),
    )
    new_bots.look(state.bots)
    state.results.forget()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        state.bots.watch(new_bots.look)
        # Each batch has a thread. More threads in one would wait for each other.
        with reloading_on_hangup(state.bots), one_blas_thread():
            yield
        await to_thread.run_sync(state.jobs.close)
        await to_thread.run_sync(state.edits.close)
        state.bots.close()
        state.batcher.close()
        if state.questions is not None:
            await to_thread.run_sync(state.questions.close)

    app = FastAPI(
        title="fsl_nlp",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.server = state
    app.state.is_stopping = False
    connections.counts.on_close = metrics.connection_closed
    for router in ROUTERS:
        app.include_router(router)
    use_description(app)
    add_handlers(app)
    add_middleware(app, settings)
    app.add_middleware(Measured, metrics=metrics)
    return app
