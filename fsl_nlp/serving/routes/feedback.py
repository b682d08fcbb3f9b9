"""`/v1/feedback` and `/v1/questions`: what users say of answers, and what stands in the log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field, StrictInt, StrictStr

from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.questions import LoggedQuestions
from fsl_nlp.serving.answers.server import Done
from fsl_nlp.serving.body import RequestBody
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.questions.question import Feedback
from fsl_nlp.serving.questions.reading import Selection, parse_since
from fsl_nlp.serving.recording import in_thread, log_of

router = APIRouter()


class FeedbackRequest(RequestBody):
    """The right label of an answer, by the id of the answer."""

    id: str = Field(pattern="^[0-9a-f]{32}$", description="The `id` of an answer.")
    label: Annotated[StrictStr, Field(min_length=1, max_length=200)] | StrictInt | None = Field(
        description="The right label; null says that none of the labels is right."
    )
    comment: str = Field("", max_length=2000)


@router.post("/v1/feedback", dependencies=[Depends(require("ask"))], **shapes(Done))
async def feedback(request: Request, body: FeedbackRequest) -> dict[str, bool]:
    """Say what the right label of a question is. The last word on a question counts."""
    log = log_of(request)
    said = Feedback(body.id, body.label, body.comment)
    if not await in_thread(lambda: log.give_feedback(said)):
        raise RequestError("not_found", "The log has no question with this id.")
    return {"ok": True}


@router.get("/v1/questions", dependencies=[Depends(require("teach"))], **shapes(LoggedQuestions))
async def questions(
    request: Request,
    bot: str | None = None,
    reason: Annotated[list[str] | None, Query()] = None,
    since: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """The newest questions of the log. `since` is a day, a time, or how long ago, such as 7d."""
    log = log_of(request)
    moment = None if since is None else parse_since(since)
    selection = Selection(bot, tuple(reason or ()), moment)
    rows = await in_thread(lambda: log.entries(selection, limit))
    return {"questions": [row.to_dict() for row in rows]}
