"""What stands in a saved form about examples and edits."""

from __future__ import annotations

from typing import Any, TypedDict


class _Example(TypedDict):
    text: str


class ExampleEntry(_Example, total=False):
    """A training example, as `fsl_nlp.types.Example`."""

    label: str | int | bool | None
    text_b: str | None
    head: list[int] | None
    tail: list[int] | None
    candidates: list[str]
    id: str | None
    weight: float


class LabelInfoEntry(TypedDict, total=False):
    """What is known of a label, as `fsl_nlp.types.LabelInfo`."""

    name: str | None
    description: str | None
    words: list[str]


class TrainedEntry(TypedDict):
    """The state of a training before any edit; its tensors are named here."""

    labels: list[str | int | bool]
    settings: dict[str, Any]
    tensors: list[str]


class _Editing(TypedDict):
    whole: bool


class EditingEntry(_Editing, total=False):
    """What an edit needs, as `fsl_nlp.artifact.record.SavedEditing`; `info` is null or of each."""

    info: list[LabelInfoEntry | None]
    trained: TrainedEntry
    outsiders: list[ExampleEntry]


class RemovedEntry(TypedDict):
    """An example that an edit removed, and where it was."""

    position: int
    example: ExampleEntry


class RelabelledEntry(TypedDict):
    """Where an edit changed this label."""

    label: str | int | bool
    positions: list[int]


class ReverseEntry(TypedDict):
    """How to undo an edit, as `fsl_nlp.editing.changes.Reverse`."""

    added: int
    removed: list[RemovedEntry]
    relabelled: list[RelabelledEntry]
    labels: list[str | int | bool]
    info: list[LabelInfoEntry | None]


class _Change(TypedDict):
    number: int
    action: str
    summary: str
    before: str
    name: str
    examples: int
    labels: int


class ChangeEntry(_Change, total=False):
    """An edit, as `fsl_nlp.editing.changes.Change`."""

    accuracy: float | None
    reverse: ReverseEntry | None
    steps: int
    added: int
