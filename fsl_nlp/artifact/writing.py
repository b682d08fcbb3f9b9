"""Writing a fitted classifier."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from fsl_nlp.artifact.editing import editing_entry, editing_files, editing_tensors
from fsl_nlp.artifact.examples import example_fields
from fsl_nlp.artifact.manifest import with_text_keys
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.artifact.publishing import publish
from fsl_nlp.artifact.record import SavedClassifier
from fsl_nlp.errors import ArtifactError
from fsl_nlp.locks import LOCK


def check_folder(folder: Path) -> None:
    """Refuse a folder that a classifier cannot be saved in."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise ArtifactError(f"{existing} is a file. Give a folder to save the classifier in.")
    if not os.access(existing, os.W_OK):
        raise ArtifactError(f"You may not write in {existing}. Give another folder.")
    if not folder.is_dir():
        return
    if next(folder.glob("encoder-*/"), None) is not None:
        raise ArtifactError(f"{folder} holds an exported bot. Give another folder.")
    if (folder / CLASSIFIER.manifest).exists():
        return
    names = {path.name for path in folder.iterdir() if not CLASSIFIER.is_leftover(path.name)}
    if names := names - {LOCK}:  # of another save, which has just begun
        raise ArtifactError(
            f"{folder} holds other files ({min(names)}) and no classifier. "
            "Give a new or an empty folder."
        )


def write_classifier(saved: SavedClassifier, folder: Path, *, replacing: str | None = None) -> str:
    """Write a classifier to a folder, in place of an older one; gives the sum of the save.

    With `replacing`, the sum of an older save, that must still be the last one.
    """
    try:
        return publish(folder, CLASSIFIER, *contents_of(saved), replacing=replacing)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error.strerror or error}.") from error


def contents_of(saved: SavedClassifier) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest of a classifier, and its files by their kinds."""
    from safetensors.numpy import save

    tensors = dict(saved.tensors)
    for number, part in enumerate(saved.parts):
        tensors |= {f"runtime.{number}.{name}": array for name, array in part.tensors.items()}
    if saved.editing is not None:
        tensors |= editing_tensors(saved, saved.editing)
    contents = {"tensors": save({n: np.ascontiguousarray(a) for n, a in tensors.items()})}
    for number, part in enumerate(saved.parts):
        if part.scorer:
            contents[f"scorer-{number}"] = part.scorer
    if saved.examples:
        lines = [json.dumps(example_fields(e), ensure_ascii=False) for e in saved.examples]
        contents["examples"] = "".join(f"{line}\n" for line in lines).encode()
    if saved.editing is not None:
        contents |= editing_files(saved.editing)
    return _manifest(saved), contents


def _manifest(saved: SavedClassifier) -> dict[str, Any]:
    encoder = saved.encoder
    manifest: dict[str, Any] = {
        "fsl_nlp": saved.version,
        "model_version": saved.model_version,
        "method": saved.method,
        "parameters": with_text_keys(saved.parameters),
        "labels": list(saved.labels),
        "encoder": {
            "name": encoder.name,
            "fingerprint": encoder.fingerprint,
            "pooling": dict(encoder.pooling),
        },
        "settings": dict(saved.settings),
    }
    if encoder.precision != "auto":
        manifest["encoder"]["precision"] = encoder.precision
    if saved.inputs is not None:
        manifest["inputs"] = dict(saved.inputs)
    if saved.method_source:
        manifest["method_source"] = saved.method_source
    if encoder.languages:
        manifest["encoder"]["languages"] = encoder.languages
    if saved.report is not None:
        manifest["report"] = dict(saved.report)
    if saved.editing is not None:
        manifest["editing"] = editing_entry(saved, saved.editing)
    if saved.decision is not None:
        manifest["decision"] = dict(saved.decision)
    if saved.parts:
        manifest["runtime"] = {"parts": [dict(part.entry) for part in saved.parts]}
    return manifest
