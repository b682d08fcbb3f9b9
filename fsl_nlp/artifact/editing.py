"""What is saved for later edits: what the labels mean, the edits so far, the trained state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fsl_nlp.artifact.entries import ChangeEntry
from fsl_nlp.artifact.examples import example_fields, example_of
from fsl_nlp.artifact.record import STATE, SavedEditing, SavedState
from fsl_nlp.artifact.schema import check_schema
from fsl_nlp.artifact.snapshot import Snapshot
from fsl_nlp.json_text import parse_json
from fsl_nlp.types import Label, LabelInfo

if TYPE_CHECKING:
    from fsl_nlp.artifact.record import SavedClassifier

TRAINED = "trained."  # the beginning of the names of the tensors of `SavedEditing.trained`
_HISTORY = "history"  # the kind of its file


def editing_entry(saved: SavedClassifier, editing: SavedEditing) -> dict[str, Any]:
    """The entry `editing` of the manifest."""
    entry: dict[str, Any] = {"whole": editing.whole}
    if any(editing.info.values()):
        entry["info"] = info_entries(saved.labels, editing.info)
    if editing.outsiders:
        entry["outsiders"] = [example_fields(example) for example in editing.outsiders]
    if trained := editing.trained:
        entry["trained"] = {
            "labels": list(trained.labels),
            "settings": dict(trained.settings),
            "tensors": sorted(trained.tensors),
        }
    return entry


def editing_tensors(saved: SavedClassifier, editing: SavedEditing) -> dict[str, Any]:
    """The tensors of the trained state, without those that the method has unchanged."""
    if editing.trained is None:
        return {}
    current = saved.state
    return {
        f"{TRAINED}{name}": array
        for name, array in editing.trained.tensors.items()
        if name not in current or not np.array_equal(current[name], array)
    }


def editing_files(editing: SavedEditing) -> dict[str, bytes]:
    """The file of the edits, one a line."""
    if not editing.history:
        return {}
    lines = [json.dumps(change, ensure_ascii=False) for change in editing.history]
    return {_HISTORY: "".join(f"{line}\n" for line in lines).encode()}


def read_editing(saved: Snapshot, tensors: Mapping[str, Any]) -> SavedEditing | None:
    """What `editing_entry` and the others wrote; None in older formats."""
    entry = saved.manifest.get("editing")
    if entry is None:
        return None
    labels = saved.manifest["labels"]
    trained = None
    if state := entry.get("trained"):
        names = {name: (f"{TRAINED}{name}", f"{STATE}{name}") for name in state["tensors"]}
        if missing := [n for n, (own, shared) in names.items() if not {own, shared} & set(tensors)]:
            raise saved.damaged(f"editing.trained.tensors: {missing[0]} is missing")
        arrays = {n: tensors.get(own, tensors.get(shared)) for n, (own, shared) in names.items()}
        trained = SavedState(tuple(state["labels"]), state["settings"], arrays)
    if len(entry.get("info", labels)) != len(labels):
        raise saved.damaged("editing.info is not of as many labels as labels has")
    return SavedEditing(
        whole=entry["whole"],
        info=info_of(labels, entry.get("info", ())),
        history=_history(saved),
        trained=trained,
        outsiders=tuple(map(example_of, entry.get("outsiders", ()))),
    )


def info_entries(labels: tuple[Label, ...], info: Mapping[Label, LabelInfo]) -> list[Any]:
    """What is known of each label, in their order; null for nothing."""
    return [_info_entry(info.get(label, LabelInfo())) for label in labels]


def info_of(labels: list[Label], entries: Any) -> dict[Label, LabelInfo]:
    """What `info_entries` gave."""
    pairs = zip(labels, entries, strict=False)
    return {
        label: LabelInfo(e.get("name"), e.get("description"), tuple(e.get("words", ())))
        for label, e in pairs
        if e
    }


def _info_entry(info: LabelInfo) -> dict[str, Any] | None:
    fields = {"name": info.name, "description": info.description, "words": list(info.words)}
    return {name: value for name, value in fields.items() if value} or None


def _history(saved: Snapshot) -> tuple[dict[str, Any], ...]:
    try:
        lines = saved.contents.get(_HISTORY, b"").decode().split("\n")
        changes = tuple(parse_json(line) for line in lines if line)
        for change in changes:
            check_schema(change, ChangeEntry)
    except ValueError as error:
        raise saved.unreadable(_HISTORY, str(error)) from None
    return changes
