"""Long work: how far it is, and its end."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request

from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.jobs import JobState
from fsl_nlp.serving.information import describe
from fsl_nlp.serving.jobs import DONE, Job

router = APIRouter()


@router.get("/v1/jobs/{job}", dependencies=[Depends(require("teach"))], **shapes(JobState))
def job_state(request: Request, job: str) -> dict[str, Any]:
    """How far a job is: its state, its progress from 0 to 1, and at the end its result."""
    return _answer(request.app.state.server, request.app.state.server.jobs.get(job))


@router.delete("/v1/jobs/{job}", dependencies=[Depends(require("admin"))], **shapes(JobState))
def cancel(request: Request, job: str) -> dict[str, Any]:
    """End a job. It is then failed, with the error "Cancelled."."""
    server = request.app.state.server
    return _answer(server, server.jobs.cancel(job))


def _answer(server: Any, job: Job) -> dict[str, Any]:
    answer = job.to_dict()
    if job.kind == "train" and job.state == DONE:
        server.new_bots.look(server.bots)  # this worker may not have it yet
        bot = server.bots[job.result["bot"]]
        bot.refresh()
        answer["result"] = {**job.result, "bot": describe(bot)}
    return answer
