"""What a bot is, as the server tells it: its labels, its version, whether it can be edited."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from fsl_nlp.artifact.editing import info_of
from fsl_nlp.artifact.manifest import parse_manifest
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.artifact.reading import part_entries
from fsl_nlp.errors import ArtifactError
from fsl_nlp.inputs.kinds import TEXT, Inputs, in_words
from fsl_nlp.json_text import parse_json
from fsl_nlp.serving.bots import Loaded, ServedBot
from fsl_nlp.types import LabelInfo

_ATTEMPTS = 10  # at reading two files of one save, while others save
_CACHE: WeakKeyDictionary[ServedBot, tuple[Loaded, dict[str, Any]]] = WeakKeyDictionary()

_NEWER = "A newer save of it is being loaded, or is damaged."
_FIT_AGAIN = "Train it again from all of its data; then it can be edited."


@dataclass(frozen=True)
class SavedHistory:
    """The manifest of a save, and its edits, the newest first."""

    manifest: Mapping[str, Any]
    changes: tuple[Mapping[str, Any], ...]

    @property
    def number(self) -> int:
        """That of the version: 1 after a fit, and one more for each edit since."""
        return int(self.changes[0]["number"]) if self.changes else 1


def describe(bot: ServedBot) -> dict[str, Any]:
    """What `GET /v1/bots/{bot}` answers. It reads files, once for each save."""
    current = bot.current
    cached = _CACHE.get(bot)
    if cached is None or cached[0] is not current:
        cached = current, _described(bot.folder, current)
        if cached[1]["why_not"] != _NEWER:  # that passes
            _CACHE[bot] = cached
    return {"name": bot.name, **cached[1], "error": bot.error}


def read_history(folder: Path) -> SavedHistory:
    """The manifest of a folder, and the edits that its save has."""
    for attempt in range(_ATTEMPTS):
        path = folder / CLASSIFIER.manifest
        try:
            manifest, _ = parse_manifest(path.read_bytes(), path, CLASSIFIER)
            file = manifest["files"].get("history")
            lines = (folder / Path(file["name"]).name).read_text("utf-8") if file else ""
            changes = [parse_json(line) for line in lines.split("\n") if line]
            return SavedHistory(manifest, tuple(reversed(changes)))
        except FileNotFoundError:  # another save has just taken its place
            if attempt == _ATTEMPTS - 1:
                raise ArtifactError(f"{folder} is not complete. Copy the folder again.") from None
        except (OSError, ValueError) as error:
            raise ArtifactError(f"The bot in {folder} cannot be read: {error}.") from None
    raise AssertionError


def _described(folder: Path, current: Loaded) -> dict[str, Any]:
    inspection = current.inspection
    saved = _history_of(folder, inspection.model_version)
    manifest = saved.manifest
    labels = manifest.get("labels", [])
    info = info_of(labels, manifest.get("editing", {}).get("info", ()))
    reason = why_not_editable(folder, manifest) if manifest else _NEWER
    expected = inspection.expected
    return {
        "model_version": inspection.model_version,
        "version": saved.number,
        "method": inspection.method,
        "encoder": inspection.encoder,
        "languages": inspection.languages,
        "labels": [
            {
                "label": item.label,
                "name": info.get(item.label, LabelInfo()).name,
                "description": info.get(item.label, LabelInfo()).description,
                "examples": item.examples,
            }
            for item in inspection.labels
        ],
        "examples": sum(item.examples or 0 for item in inspection.labels),
        "can_be_edited": reason is None,
        "why_not": reason,
        "expected": expected
        and {name: expected[name]["value"] for name in ("accuracy", "answered")},
        "saved": inspection.written,
    }


def _history_of(folder: Path, version: str) -> SavedHistory:
    """The history of the save of this version; nothing if the folder holds another one."""
    try:
        saved = read_history(folder)
    except ArtifactError:
        return SavedHistory({}, ())
    return saved if saved.manifest["model_version"] == version else SavedHistory({}, ())


def why_no_edit(folder: Path) -> str | None:
    """Why the server cannot edit what a folder holds now; None if it can, or if it is damaged."""
    try:
        return why_not_editable(folder, read_history(folder).manifest)
    except ArtifactError:
        return None  # loading says what is wrong with it


def why_not_editable(folder: Path, manifest: Mapping[str, Any]) -> str | None:
    """Why the server cannot edit the classifier of a folder and its manifest; None if it can."""
    if any("folder" in part for part in part_entries(dict(manifest))):
        return "It is an exported bot. Edit the one that it was made from, and export it again."
    if manifest.get("method_source") == "object":
        return "It was made with a method of a Python program. Edit it there."
    if inputs := manifest.get("inputs"):
        kinds = Inputs.from_dict(inputs).kinds
        if TEXT not in kinds:
            return f"It reads {in_words(kinds, plural=True)}, which only `fsl-nlp edit` takes."
    editing = manifest.get("editing") or {}
    if "examples" not in manifest["files"] and not any(editing.get("info", ())):
        return f"It was saved without its sentences, and an edit learns from them. {_FIT_AGAIN}"
    if editing.get("whole") is False:
        return f"It learned from more than the sentences that are saved with it. {_FIT_AGAIN}"
    if not os.access(folder, os.W_OK):
        return "The server may not write in its folder. Edit it elsewhere with `fsl-nlp edit`."
    if find_spec("torch") is None:
        return "The server has no PyTorch to learn with. Edit it elsewhere with `fsl-nlp edit`."
    return None
