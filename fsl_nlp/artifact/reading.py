"""Reading a saved classifier: its manifest, its tensors, its examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fsl_nlp.artifact.format_1 import upgrade_tensors
from fsl_nlp.artifact.manifest import Manifest, incomplete, read_file, read_manifest
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.artifact.record import SavedClassifier, SavedEncoder, SavedPart
from fsl_nlp.errors import ArtifactError
from fsl_nlp.types import Example


def read_classifier(folder: Path) -> SavedClassifier:
    """The record that `write_classifier` wrote, in the newest format; scorers are not read."""
    manifest = read_manifest(folder, CLASSIFIER)
    try:
        encoder = manifest["encoder"]
        return SavedClassifier(
            method=manifest["method"],
            labels=tuple(manifest["labels"]),
            parameters=manifest["parameters"],
            encoder=SavedEncoder(
                encoder["name"],
                encoder["fingerprint"],
                encoder["pooling"],
                encoder.get("precision", "auto"),
                encoder.get("languages", ""),
            ),
            settings=manifest["settings"],
            tensors=read_tensors(folder, manifest),
            model_version=str(manifest["model_version"]),
            version=manifest["fsl_nlp"],
            examples=read_examples(folder, manifest),
            parts=tuple(SavedPart(entry) for entry in part_entries(manifest)),
            report=manifest.get("report"),
            method_source=manifest.get("method_source", ""),
            inputs=manifest.get("inputs"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise incomplete(folder, CLASSIFIER, error) from None


def part_entries(manifest: Manifest) -> list[dict[str, Any]]:
    """The entries of the parts that answer without torch; [] if there are none."""
    return list(manifest.get("runtime", {}).get("parts", ()))


def read_tensors(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """All tensors, by name."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = read_file(folder, CLASSIFIER, manifest["files"]["tensors"])
    try:
        return upgrade_tensors(load(content))
    except SafetensorError as error:
        raise ArtifactError(f"{folder} holds tensors that cannot be read: {error}.") from None


def read_examples(folder: Path, manifest: Manifest) -> tuple[Example, ...]:
    """The training examples; () if they were left out."""
    entry = manifest["files"].get("examples")
    if entry is None:
        return ()
    lines = read_file(folder, CLASSIFIER, entry).decode().split("\n")
    return tuple(_example(json.loads(line)) for line in lines if line)


def _example(saved: dict[str, Any]) -> Example:
    # JSON has lists where spans and candidates are tuples.
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()
    }
    return Example(**fields)
