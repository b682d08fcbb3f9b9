"""Edits of a bot while it is served."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr

from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.edits import EditResult, VersionDifference
from fsl_nlp.serving.asking import check_texts
from fsl_nlp.serving.body import RequestBody
from fsl_nlp.serving.errors import RequestError

router = APIRouter(dependencies=[Depends(require("teach"))])

_EDIT = shapes(EditResult)
_MOST_TEXTS = 2000  # in one edit
_LARGEST = 2**53  # whole numbers up to here are the same in every JSON library


def _text_or_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("a label is a text or a whole number")
    return value


# Whole numbers stay whole numbers, and texts stay texts.
Label = Annotated[
    Annotated[StrictInt, Field(ge=-_LARGEST, le=_LARGEST)]
    | Annotated[StrictStr, Field(min_length=1, max_length=200)],
    BeforeValidator(_text_or_number),
]
Texts = Annotated[list[StrictStr], Field(default_factory=list, max_length=_MOST_TEXTS)]
SomeTexts = Annotated[list[StrictStr], Field(min_length=1, max_length=_MOST_TEXTS)]


class EditBody(RequestBody):
    """What every edit takes."""

    refuse_if_worse: StrictBool = False
    expected_version: Annotated[StrictStr, Field(max_length=100)] | None = None


class LabelledText(RequestBody):
    """A sentence and its label."""

    text: StrictStr
    label: Label


class AddExamples(EditBody):
    """Sentences of labels that the bot has."""

    examples: Annotated[list[LabelledText], Field(min_length=1, max_length=_MOST_TEXTS)]


class Adapt(AddExamples):
    """Sentences of labels that the bot has, and the gradient steps to take."""

    steps: Annotated[StrictInt, Field(ge=1, le=5)] = 5


class RemoveExamples(EditBody):
    """Stored sentences, whatever their labels."""

    texts: SomeTexts


class Relabel(RemoveExamples):
    """Stored sentences, and the label that they get; with `create` it may be a new one."""

    label: Label = Field(examples=["delivery_time"])
    create: StrictBool = False


class AddLabel(EditBody):
    """A new label, with sentences or a description of it."""

    label: Label = Field(examples=["gift_card"])
    texts: Texts = Field(examples=[["I want to buy a gift card", "do you sell vouchers"]])
    description: Annotated[StrictStr, Field(max_length=2000)] | None = None


class RemoveLabel(EditBody):
    """A label, which goes with its sentences."""

    label: Label = Field(examples=["gift_card"])


class RenameLabel(EditBody):
    """A label, and its new name."""

    old: Label
    new: Label


class MergeLabels(EditBody):
    """Labels, and the one that takes their place."""

    labels: Annotated[list[Label], Field(min_length=1, max_length=_MOST_TEXTS)]
    into: Label


@router.post("/v1/bots/{bot}/examples", **_EDIT)
async def add_examples(request: Request, bot: str, body: AddExamples) -> dict[str, Any]:
    """Learn from more sentences of labels that the bot has."""
    return await _edit(request, bot, body, "add_examples", **_split(request, body.examples))


@router.delete("/v1/bots/{bot}/examples", **_EDIT)
async def delete_examples(request: Request, bot: str, body: RemoveExamples) -> dict[str, Any]:
    """Forget sentences. Where a client cannot send a body with DELETE: POST .../examples/remove."""
    return await remove_examples(request, bot, body)


@router.post("/v1/bots/{bot}/examples/remove", **_EDIT)
async def remove_examples(request: Request, bot: str, body: RemoveExamples) -> dict[str, Any]:
    """Forget sentences, whatever their labels."""
    texts = _checked(request, body.texts)
    return await _edit(request, bot, body, "remove_examples", texts=texts)


@router.post("/v1/bots/{bot}/relabel", **_EDIT)
async def relabel(request: Request, bot: str, body: Relabel) -> dict[str, Any]:
    """Give stored sentences another label, in one version."""
    texts = _checked(request, body.texts)
    return await _edit(
        request, bot, body, "relabel", texts=texts, label=body.label, create=body.create
    )


@router.post("/v1/bots/{bot}/labels", **_EDIT)
async def add_label(request: Request, bot: str, body: AddLabel) -> dict[str, Any]:
    """Learn one more label, from sentences or a description of it."""
    texts = _checked(request, body.texts)
    arguments = {"label": body.label, "texts": texts, "description": body.description}
    return await _edit(request, bot, body, "add_label", **arguments)


@router.post("/v1/bots/{bot}/labels/remove", **_EDIT)
async def remove_label(request: Request, bot: str, body: RemoveLabel) -> dict[str, Any]:
    """Forget a label and its sentences."""
    return await _edit(request, bot, body, "remove_label", label=body.label)


@router.post("/v1/bots/{bot}/labels/rename", **_EDIT)
async def rename_label(request: Request, bot: str, body: RenameLabel) -> dict[str, Any]:
    """Give a label another name."""
    return await _edit(request, bot, body, "rename_label", old=body.old, new=body.new)


@router.post("/v1/bots/{bot}/labels/merge", **_EDIT)
async def merge_labels(request: Request, bot: str, body: MergeLabels) -> dict[str, Any]:
    """Make one label of several."""
    return await _edit(request, bot, body, "merge_labels", labels=body.labels, into=body.into)


@router.post("/v1/bots/{bot}/undo", **_EDIT)
async def undo(request: Request, bot: str, body: EditBody | None = None) -> dict[str, Any]:
    """Go back to the version before the last edit; again, to the one before that."""
    return await _edit(request, bot, body or EditBody(), "undo")


@router.post("/v1/bots/{bot}/adapt", **_EDIT)
async def adapt(request: Request, bot: str, body: Adapt) -> dict[str, Any]:
    """Take in sentences by a few gradient steps: for a meta-learned bot."""
    if body.refuse_if_worse:
        raise RequestError(
            "validation", "refuse_if_worse: adapt estimates no accuracy. Leave it out."
        )
    sentences = _split(request, body.examples)
    return await _edit(request, bot, body, "adapt", **sentences, steps=body.steps)


@router.get("/v1/bots/{bot}/diff", **shapes(VersionDifference))
async def diff(request: Request, bot: str) -> dict[str, Any]:
    """What the last edit changed: sentences, their labels, and what is answered otherwise."""
    server = request.app.state.server
    return await asyncio.wrap_future(server.edits[server.bots[bot]].diff())


async def _edit(
    request: Request, bot: str, body: EditBody, action: str, **arguments: Any
) -> dict[str, Any]:
    """Call a method of the classifier; gives what it did, and what the bot is now."""
    server = request.app.state.server
    made = server.edits[server.bots[bot]].make(
        action,
        arguments,
        refuse_if_worse=body.refuse_if_worse,
        expected_version=body.expected_version,
    )
    return await asyncio.wrap_future(made)


def _split(request: Request, examples: Sequence[LabelledText]) -> dict[str, list[Any]]:
    """The texts and the labels of sentences."""
    texts = _checked(request, [e.text for e in examples])
    return {"texts": texts, "labels": [e.label for e in examples]}


def _checked(request: Request, texts: list[str]) -> list[str]:
    check_texts(texts, request.app.state.server.settings)
    return texts
