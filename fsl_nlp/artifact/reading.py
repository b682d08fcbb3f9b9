"""Reading a saved classifier: its manifest, its tensors, its examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fsl_nlp.artifact.editing import read_editing
from fsl_nlp.artifact.entries import ExampleEntry
from fsl_nlp.artifact.examples import example_of
from fsl_nlp.artifact.format_1 import upgrade_tensors
from fsl_nlp.artifact.manifest import Manifest
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.artifact.record import SavedClassifier, SavedEncoder, SavedPart
from fsl_nlp.artifact.schema import check_schema
from fsl_nlp.artifact.self_test import LABELS, PROBABILITIES, VECTOR, label_sum
from fsl_nlp.artifact.snapshot import Snapshot, read_snapshot
from fsl_nlp.json_text import parse_json
from fsl_nlp.types import Example

_RUNTIME = "runtime."


def read_classifier(folder: Path) -> SavedClassifier:
    """The record that `write_classifier` wrote, in the newest format."""
    return record_in(read_snapshot(folder, CLASSIFIER))


def record_in(saved: Snapshot) -> SavedClassifier:
    """The record of a classifier; its labels and examples fit its tensors."""
    manifest = saved.manifest
    encoder = manifest["encoder"]
    tensors, examples = _tensors(saved), read_examples(saved)
    _check_labels(saved, tensors, examples)
    return SavedClassifier(
        method=manifest["method"],
        labels=tuple(manifest["labels"]),
        parameters=manifest["parameters"],
        encoder=SavedEncoder(
            encoder["name"],
            encoder["fingerprint"],
            encoder.get("pooling", {}),
            encoder.get("precision", "auto"),
            encoder.get("languages", ""),
        ),
        settings=manifest["settings"],
        tensors=tensors,
        model_version=manifest["model_version"],
        version=manifest["fsl_nlp"],
        examples=examples,
        parts=tuple(
            SavedPart(entry, saved.contents.get(f"scorer-{i}"), _of_part(tensors, i))
            for i, entry in enumerate(part_entries(manifest))
        ),
        report=manifest.get("report"),
        method_source=manifest.get("method_source", ""),
        inputs=manifest.get("inputs"),
        editing=read_editing(saved, tensors),
        sum=saved.sum,
        decision=manifest.get("decision"),
    )


def part_entries(manifest: Manifest) -> list[dict[str, Any]]:
    """The entries of the parts that answer without torch; [] if there are none."""
    return list(manifest.get("runtime", {}).get("parts", ()))


def read_examples(saved: Snapshot) -> tuple[Example, ...]:
    """The training examples; () if they were left out."""
    try:
        lines = saved.contents.get("examples", b"").decode().split("\n")
        entries = [parse_json(line) for line in lines if line]
        for entry in entries:
            check_schema(entry, ExampleEntry)
        return tuple(map(example_of, entries))
    except ValueError as error:
        raise saved.unreadable("examples", str(error)) from None


def _tensors(saved: Snapshot) -> dict[str, Any]:
    """All tensors, by name."""
    from safetensors.numpy import load

    if "tensors" not in saved.contents:
        raise saved.damaged("files.tensors is missing")
    try:
        return upgrade_tensors(load(saved.contents["tensors"]))
    except Exception as error:  # SafetensorError, or a type of numbers that numpy lacks
        raise saved.unreadable("tensors", str(error)) from None


def _of_part(tensors: dict[str, Any], number: int) -> dict[str, Any]:
    start = f"{_RUNTIME}{number}."
    return {n.removeprefix(start): a for n, a in tensors.items() if n.startswith(start)}


def _check_labels(saved: Snapshot, tensors: dict[str, Any], examples: Sequence[Example]) -> None:
    """Refuse labels that are not those of the tensors, as far as the tensors say."""
    labels = saved.manifest["labels"]
    if not labels or len(set(labels)) != len(labels):
        raise saved.damaged("labels must be different, and at least one")
    for name in (VECTOR, PROBABILITIES):
        if name not in tensors:
            raise saved.unreadable("tensors", f"{name} is missing")
    for name in (PROBABILITIES, f"{_RUNTIME}{PROBABILITIES}"):
        if name in tensors and tensors[name].shape != (len(labels),):
            raise saved.damaged(
                f"labels has {len(labels)} entries, and {name} is of shape {tensors[name].shape}"
            )
    # Older classifiers have no such sum.
    if LABELS in tensors and tensors[LABELS].tobytes() != label_sum(labels).tobytes():
        raise saved.damaged("labels are not those of the tensors, or are in another order")
    if others := {example.label for example in examples} - set(labels):
        raise saved.damaged(f"labels lacks {min(map(repr, others))}, which examples have")
    vectors = tensors.get(f"{_RUNTIME}vectors")
    if vectors is not None and len(vectors) != len(examples):
        raise saved.damaged(f"it has {len(examples)} examples and {len(vectors)} of their vectors")
