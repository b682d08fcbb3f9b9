"""What is wrong with the sentences of a bot, and what it could not answer. Jobs work it out."""

from __future__ import annotations

import time
from typing import Annotated, Any

from anyio import sleep, to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field, StrictStr

from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.checking import Checked, Suggested
from fsl_nlp.serving.answers.jobs import JobStarted
from fsl_nlp.serving.answers.server import Done
from fsl_nlp.serving.body import RequestBody
from fsl_nlp.serving.bots import ServedBot
from fsl_nlp.serving.checking import LINT
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.inbox import FILE, INBOX, NOTHING, Inbox
from fsl_nlp.serving.jobs import FAILED, Work

router = APIRouter(dependencies=[Depends(require("teach"))])

_WAIT = 10.0  # seconds that a request waits for a first result
_LOOK = 0.1


class Dismiss(RequestBody):
    """Questions that are not to be shown again."""

    texts: Annotated[list[StrictStr], Field(min_length=1, max_length=2000)]


@router.get("/v1/bots/{bot}/lint", **shapes(Checked, s202=JobStarted))
def lint(request: Request, bot: str) -> Response:
    """What is wrong with the sentences of a bot, and a map of them.

    A check takes some seconds: until it is done, the answer is 202 with the id of its job.
    """
    server = request.app.state.server
    served: ServedBot = server.bots[bot]
    current = served.current
    if not current.answering.examples_:
        raise RequestError("conflict", "The bot was saved without its sentences. Train it again.")
    content = server.results.read(LINT, served.folder, current.answering.model_version_)
    if content is not None:
        return Response(content, media_type="application/json")
    arguments = {"name": served.name}
    return _started(_submit(server, served, LINT, "fsl_nlp.serving.checking:check", arguments))


@router.get("/v1/bots/{bot}/inbox", **shapes(Suggested, s202=JobStarted))
async def inbox(
    request: Request, bot: str, n: Annotated[int, Query(ge=0, le=200)] = 20
) -> Response:
    """The questions of the log that the bot rejected or was unsure of, in groups, and `n` singles.

    If others were asked since they were grouped, `job` names the job that groups them again. The
    first time, the answer may be 202 with the id of that job.
    """
    server = request.app.state.server
    served: ServedBot = server.bots[bot]
    content, job = await to_thread.run_sync(_inbox, server, served, n)
    end = time.monotonic() + _WAIT
    while content is None and time.monotonic() < end:
        await sleep(_LOOK)
        state = await to_thread.run_sync(server.jobs.get, job)
        if state.state == FAILED:
            raise RequestError("unavailable", str(state.error))
        if state.is_over:
            content, job = await to_thread.run_sync(_inbox, server, served, n)
            break
    if content is None:
        return _started(job)
    return JSONResponse(content if job is None else {**content, "job": job})


@router.post("/v1/bots/{bot}/inbox/dismiss", **shapes(Done))
def dismiss(request: Request, bot: str, body: Dismiss) -> dict[str, bool]:
    """Keep questions out of the inbox, whenever they are asked."""
    server = request.app.state.server
    _log_of(server).dismiss(server.bots[bot].name, body.texts)
    return {"ok": True}


def _inbox(server: Any, served: ServedBot, singles: int) -> tuple[dict[str, Any] | None, Any]:
    """The last result, and the job of a newer one; None for what there is not."""
    answering = served.current.answering
    asked = _log_of(server).inbox(served.name)
    questions = Inbox.of(asked, {example.text for example in answering.examples_}, singles)
    if not questions.counts:
        return NOTHING, None
    key = questions.key(answering.model_version_)
    if (content := server.results.read(INBOX, served.folder, key)) is not None:
        return questions.current(content), None
    older = server.results.last(INBOX, served.folder)
    job = _submit(
        server, served, INBOX, "fsl_nlp.serving.inbox:group", {}, {FILE: questions.file()}
    )
    return (None if older is None else questions.current(older)), job


def _log_of(server: Any) -> Any:
    if server.questions is None:
        raise RequestError(
            "not_found", "This server keeps no log of questions. Start it with --log URL."
        )
    return server.questions


def _submit(
    server: Any,
    served: ServedBot,
    kind: str,
    function: str,
    arguments: dict[str, Any],
    files: dict[str, bytes] | None = None,
) -> str:
    server.results.forget()
    places = {"bot": str(served.folder), "results": str(server.results.folder)}
    key = f"{kind} {served.folder}"
    job: str = server.jobs.submit(Work(kind, function, {**arguments, **places}, key, files or {}))
    return job


def _started(job: str) -> Response:
    return JSONResponse({"job": job}, 202, {"Retry-After": "1"})
