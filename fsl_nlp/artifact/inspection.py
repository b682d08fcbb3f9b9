"""The content of a saved folder, without loading a model."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fsl_nlp.artifact.manifest import refusing_damage
from fsl_nlp.artifact.protocols import CLASSIFIER, META
from fsl_nlp.artifact.reading import part_entries, read_examples
from fsl_nlp.artifact.snapshot import Snapshot, read_snapshot
from fsl_nlp.types import Label

# Parameters of `FewShotClassifier` that are not options of its method.
_NOT_OPTIONS = {"method", "encoder", "seed", "device", "budget", "reject", "coverage", "precision"}


@dataclass(frozen=True)
class SavedFile:
    """A file of a folder; `name` is relative to it."""

    name: str
    bytes: int


@dataclass(frozen=True)
class LabelCount:
    """A label, and how many examples of it are stored; None where no examples are."""

    label: Label
    examples: int | None


@dataclass(frozen=True)
class Inspection:
    """The content of a saved folder of any kind.

    `format` is the number that it was written with, `fsl_nlp` the version that wrote it, `written`
    when (UTC; a copy of the folder may have a later time). `files` are all files of the folder.
    """

    folder: str
    kind: str
    format: int
    fsl_nlp: str | None
    written: str
    method: str
    options: Mapping[str, Any]
    seed: int
    encoder: str
    fingerprint: str
    files: tuple[SavedFile, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        return asdict(self)


@dataclass(frozen=True)
class ClassifierInspection(Inspection):
    """The content of a saved classifier or of an exported bot.

    `languages` are the encoder's, if it is one of the catalogue; `precision` is "auto" where it
    depends on the processor. `pruned` says which pieces of the tokenizer were left out.
    `temperatures` are the calibration temperatures, one for each classifier of an ensemble that
    has one. `report` says why `auto` chose the method, and `expected` what held-out examples show
    of its answers; None for a classifier that always answers. `exported`: the folder holds its
    encoder. `without_torch`: it has what `fsl_nlp.runtime.Bot` needs; if it is not exported, the
    cache must have the encoder's graph.
    """

    model_version: str
    labels: tuple[LabelCount, ...]
    languages: str
    precision: str
    pruned: str
    temperatures: tuple[float, ...]
    report: Mapping[str, Any] | None
    expected: Mapping[str, Any] | None
    exported: bool
    without_torch: bool


@dataclass(frozen=True)
class MetaInspection(Inspection):
    """The content of a meta-trained method.

    `way`, `shot` and `query` are those of its training tasks, least and most. `sources` maps each
    corpus that it learned from to its number of classes.
    """

    way: tuple[int, int]
    shot: tuple[int, int]
    query: int
    mentions: bool
    sources: Mapping[str, int]
    training: Mapping[str, Any]


def inspect_bot(folder: str | Path) -> ClassifierInspection | MetaInspection:
    """The content of a saved classifier, an exported bot or a folder of `fsl-nlp meta-train`.

    No model is loaded. The sums of the files that the manifest names are checked.

    >>> from tempfile import mkdtemp
    >>> from fsl_nlp import FewShotClassifier
    >>> classifier = FewShotClassifier("proto", "embedded:en")
    >>> _ = classifier.fit(["red", "two"], ["colour", "number"])
    >>> inspection = inspect_bot(classifier.save(mkdtemp()))
    >>> inspection.method, inspection.labels[0]
    ('proto', LabelCount(label='colour', examples=1))
    """
    folder = Path(folder)
    # False for both if the folder may not be read; reading it says so.
    is_meta, is_bot = (os.path.exists(folder / p.manifest) for p in (META, CLASSIFIER))
    is_meta = is_meta and not is_bot
    protocol = META if is_meta else CLASSIFIER
    saved = read_snapshot(folder, protocol)
    with refusing_damage(folder, protocol):
        return (_inspect_meta if is_meta else _inspect_classifier)(saved, _common(saved))


def _common(saved: Snapshot) -> dict[str, Any]:
    """The fields of `Inspection` that are read in the same way from every manifest."""
    folder, manifest = saved.folder, saved.manifest
    changed = (folder / saved.protocol.manifest).stat().st_mtime
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "folder": str(folder),
        "format": saved.format,
        "fsl_nlp": manifest.get("fsl_nlp"),
        "written": datetime.fromtimestamp(changed, timezone.utc).isoformat(timespec="seconds"),
        "method": manifest["method"],
        "encoder": manifest["encoder"]["name"],
        "fingerprint": manifest["encoder"]["fingerprint"],
        "files": tuple(
            SavedFile(path.relative_to(folder).as_posix(), path.stat().st_size) for path in paths
        ),
    }


def _inspect_classifier(saved: Snapshot, common: Mapping[str, Any]) -> ClassifierInspection:
    manifest = saved.manifest
    parameters = manifest["parameters"]
    parts = part_entries(manifest)
    exported = any("folder" in part for part in parts)
    counts = Counter(example.label for example in read_examples(saved))
    return ClassifierInspection(
        **common,
        kind="exported bot" if exported else "classifier",
        options={n: v for n, v in parameters.items() if n not in _NOT_OPTIONS},
        seed=parameters["seed"],
        model_version=manifest["model_version"],
        labels=tuple(
            LabelCount(label, counts[label] if counts else None) for label in manifest["labels"]
        ),
        languages=manifest["encoder"].get("languages", ""),
        precision=_joined(parts, "precision") or manifest["encoder"].get("precision", "auto"),
        pruned=_joined(parts, "pruned"),
        temperatures=_temperatures(manifest["settings"]),
        report=manifest.get("report"),
        expected=(manifest.get("decision") or {}).get("expected"),
        exported=exported,
        without_torch=bool(parts),
    )


def _inspect_meta(saved: Snapshot, common: Mapping[str, Any]) -> MetaInspection:
    manifest = saved.manifest
    shape = manifest["shape"]
    return MetaInspection(
        **common,
        kind="meta-trained method",
        options=manifest["options"],
        seed=manifest["seed"],
        way=tuple(shape["way"]),
        shot=tuple(shape["shot"]),
        query=shape["query"],
        mentions=manifest["mentions"],
        sources={source["name"]: len(source["labels"]) for source in manifest["sources"]},
        training=manifest["training"],
    )


def _joined(parts: list[dict[str, Any]], key: str) -> str:
    """The values that the parts have for a key, each once."""
    return ", ".join(dict.fromkeys(part[key] for part in parts if part.get(key)))


def _temperatures(settings: Mapping[str, Any]) -> tuple[float, ...]:
    """The temperature of a classifier, or those of the classifiers of an ensemble."""
    models = settings.get("models", [settings])
    return tuple(float(m["temperature"]) for m in models if m.get("temperature") is not None)
