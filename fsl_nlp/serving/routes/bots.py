"""The bots of the server: what each is, its sentences, its versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.bots import BotInfo, BotList, Sentences, Versions
from fsl_nlp.serving.information import describe, read_history
from fsl_nlp.types import Example

router = APIRouter()
_ask, _teach = [Depends(require("ask"))], [Depends(require("teach"))]


# Plain functions: FastAPI runs them in threads, and they read files.
@router.get("/v1/bots", dependencies=_ask, **shapes(BotList))
def bots(request: Request) -> dict[str, Any]:
    """All bots; the first one answers requests that name none."""
    return {"bots": [describe(bot) for bot in request.app.state.server.bots]}


@router.get("/v1/bots/{bot}", dependencies=_ask, **shapes(BotInfo))
def bot_info(request: Request, bot: str) -> dict[str, Any]:
    """A bot: its labels, its version, what to expect of it."""
    return describe(request.app.state.server.bots[bot])


@router.get("/v1/bots/{bot}/examples", dependencies=_teach, **shapes(Sentences))
def examples(
    request: Request,
    bot: str,
    label: str | None = None,
    search: str = "",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=0, le=1000)] = 100,
) -> dict[str, Any]:
    """The sentences that a bot learned from, those of a label, or those that hold some words."""
    stored = request.app.state.server.bots[bot].current.answering.examples_
    matching = list(_matching(stored, label, search))
    rows = [_row(example) for example in matching[offset : offset + limit]]
    return {"total": len(matching), "examples": rows}


def _matching(examples: tuple[Example, ...], label: str | None, search: str) -> Iterator[Example]:
    """Those of the label whose text holds every word of the search, in any case of letters."""
    words = search.casefold().split()
    for example in examples:
        if label is not None and str(example.label) != label:
            continue
        text = f"{example.text}\n{example.text_b or ''}".casefold() if words else ""
        if all(word in text for word in words):
            yield example


def _row(example: Example) -> dict[str, Any]:
    row = {"text": example.text, "label": example.label}
    return row if example.text_b is None else {**row, "text_b": example.text_b}


@router.get("/v1/bots/{bot}/versions", dependencies=_teach, **shapes(Versions))
def versions(request: Request, bot: str) -> dict[str, Any]:
    """The edits of a bot, the newest first, without the texts that they removed."""
    saved = read_history(request.app.state.server.bots[bot].folder)
    changes = [
        {
            **{name: value for name, value in change.items() if name != "reverse"},
            "can_be_undone": change.get("reverse") is not None,
        }
        for change in saved.changes
    ]
    return {"now": saved.number, "versions": changes}
