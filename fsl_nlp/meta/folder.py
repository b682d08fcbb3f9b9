"""A meta-trained method in a folder: safetensors and JSON, no pickle.

meta.json               what it is and how it was trained; written last
parameters-<sum>.safetensors
progress-*              only while training is not finished
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.artifact.manifest import incomplete, publish, read_file, read_manifest
from fsl_nlp.artifact.protocols import META
from fsl_nlp.errors import ArtifactError, DataError
from fsl_nlp.folders import write_atomically
from fsl_nlp.output import to_json
from fsl_nlp.types import Dataset, Label, LabelInfo

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.meta.task_heads import Tensors

PROGRESS = "progress.json"
_WEIGHTS = "progress.safetensors"


@dataclass(frozen=True)
class Prepared:
    """The result of a meta-training, as it is saved."""

    method: str
    options: dict[str, Any]
    encoder: dict[str, str]  # name, fingerprint
    seed: int
    shape: dict[str, Any]  # way, shot, query of the tasks that it was trained on
    mentions: bool  # whether it reads marked mentions
    sources: list[dict[str, Any]]  # name, and labels with their readable names
    training: dict[str, Any]  # checks, steps, tasks that diverged
    parameters: Tensors = field(repr=False)
    sum: str = ""  # of the parameters: names what was learned

    def datasets(self) -> tuple[Dataset, ...]:
        """The sources with their classes and without examples."""
        return tuple(
            Dataset(
                (),
                tuple(label for label, _ in source["labels"]),
                {label: LabelInfo(name=name) for label, name in source["labels"] if name},
                source["name"],
            )
            for source in self.sources
        )

    def check_encoder(self, encoder: TextEncoder, folder: str) -> None:
        """Refuse another encoder than the one of the meta-training."""
        if encoder.fingerprint != self.encoder["fingerprint"]:
            raise ArtifactError(
                f"{folder} was meta-trained with another encoder.\n"
                f"  trained with {self.encoder['name']!r}, fingerprint "
                f"{self.encoder['fingerprint'][:16]}\n"
                f"  here         {encoder.name!r}, fingerprint {encoder.fingerprint[:16]}\n"
                "Give the encoder that it was trained with, or train again with this one."
            )

    def save(self, folder: Path) -> None:
        """Write the result, and remove the progress of the training."""
        from fsl_nlp import __version__

        fields = {n: v for n, v in vars(self).items() if n not in ("parameters", "sum")}
        fields["fsl_nlp"] = __version__
        publish(folder, META, fields, {"parameters": _to_bytes(self.parameters)})
        for name in (PROGRESS, _WEIGHTS):
            (folder / name).unlink(missing_ok=True)


def load_prepared(folder: str | Path) -> Prepared:
    """The result in a folder of `fsl-nlp meta-train --out`."""
    path = Path(folder) / META.manifest
    written = path.stat().st_mtime_ns if path.is_file() else 0
    return _load(Path(folder), written)


@lru_cache(maxsize=4)  # a run over many tasks reads the same folder for each
def _load(folder: Path, written: int) -> Prepared:
    from safetensors import SafetensorError
    from safetensors.torch import load

    if (folder / PROGRESS).exists() and not (folder / META.manifest).exists():
        step = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))["step"]
        raise ArtifactError(
            f"The meta-training in {folder} was interrupted at step {step}. Run the same "
            "`fsl-nlp meta-train` command again: it continues from there."
        )
    manifest = read_manifest(folder, META)
    fields = {n: v for n, v in manifest.items() if n not in ("format", "files", "fsl_nlp")}
    try:
        file = manifest["files"]["parameters"]
        parameters = load(read_file(folder, META, file))
        return Prepared(**fields, parameters=parameters, sum=file["sha256"])
    except (KeyError, TypeError, SafetensorError) as error:
        raise incomplete(folder, META, error) from None


def save_progress(
    folder: Path, header: Mapping[str, Any], tensors: Tensors, values: Mapping[str, Any]
) -> None:
    """Write the state of a training: the tensors, then the JSON with their sum."""
    content = _to_bytes(tensors)
    write_atomically(folder / _WEIGHTS, content)
    state = {"run": header, "sum": hashlib.sha256(content).hexdigest(), **values}
    write_atomically(folder / PROGRESS, _json(state))


def load_progress(folder: Path, header: Mapping[str, Any]) -> tuple[Tensors, dict[str, Any]] | None:
    """The state that `save_progress` wrote for this run; None if it is missing or incomplete."""
    from safetensors.torch import load

    path = folder / PROGRESS
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        content = (folder / _WEIGHTS).read_bytes()
    except (OSError, ValueError):
        return None
    if values.get("run") != json.loads(_json(header)):
        raise DataError(
            f"{folder} holds an interrupted training of other data or settings. Give another "
            "folder, or delete it."
        )
    if hashlib.sha256(content).hexdigest() != values["sum"]:
        return None  # killed between the two files: begin again
    return load(content), values


def labels_of(dataset: Dataset) -> list[tuple[Label, str | None]]:
    """Each label with its name in words; None where it has none."""
    return [
        (label, dataset.info[label].name if label in dataset.info else None)
        for label in dataset.labels
    ]


def _to_bytes(tensors: Tensors) -> bytes:
    from safetensors.torch import save

    return save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})


def _json(content: Mapping[str, Any]) -> str:
    return to_json(content, indent=1) + "\n"
