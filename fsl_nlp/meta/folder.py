"""A meta-trained method in a folder: safetensors and JSON, no pickle.

meta.json               what it is and how it was trained; written last
parameters-<sum>.safetensors
progress-*              only while training is not finished
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.artifact.protocols import META
from fsl_nlp.artifact.publishing import publish
from fsl_nlp.artifact.snapshot import Snapshot, read_snapshot
from fsl_nlp.errors import ArtifactError, DataError
from fsl_nlp.folders import PRIVATE_FILE, file_states, write_atomically
from fsl_nlp.json_text import parse_json
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

        manifest = {n: v for n, v in vars(self).items() if n not in ("parameters", "sum")}
        manifest["fsl_nlp"] = __version__
        try:
            publish(folder, META, manifest, {"parameters": _to_bytes(self.parameters)})
        except OSError as error:
            raise ArtifactError(
                f"{folder} cannot be written: {error.strerror or error}."
            ) from error
        for name in (PROGRESS, _WEIGHTS):
            (folder / name).unlink(missing_ok=True)


def load_prepared(folder: str | Path) -> Prepared:
    """The result in a folder of `fsl-nlp meta-train --out`."""
    folder = Path(folder).expanduser().absolute()
    return _load(folder, file_states([folder / META.manifest])[folder / META.manifest])


@lru_cache(maxsize=4)  # a run over many tasks reads the same folder for each
def _load(folder: Path, state: tuple[int, int] | None) -> Prepared:
    if os.path.exists(folder / PROGRESS) and not os.path.exists(folder / META.manifest):
        raise ArtifactError(
            f"The meta-training in {folder} was interrupted{_at_step(folder)}. Run the same "
            "`fsl-nlp meta-train` command again: it continues from there."
        )
    saved = read_snapshot(folder, META)
    _check(saved)
    names = {item.name for item in fields(Prepared)} - {"parameters", "sum"}
    return Prepared(
        **{name: saved.manifest[name] for name in names},
        parameters=_parameters(saved),
        sum=saved.manifest["files"]["parameters"]["sha256"],
    )


def _at_step(folder: Path) -> str:
    try:
        return f" at step {int(parse_json((folder / PROGRESS).read_bytes())['step'])}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _parameters(saved: Snapshot) -> Tensors:
    from safetensors.torch import load

    if "parameters" not in saved.contents:
        raise saved.damaged("files.parameters is missing")
    try:
        return load(saved.contents["parameters"])
    except Exception as error:  # SafetensorError, or a type of numbers that torch lacks
        raise saved.unreadable("parameters", str(error)) from None


def _check(saved: Snapshot) -> None:
    """Refuse what the schema lets through."""
    shape = saved.manifest["shape"]
    for name in ("way", "shot"):
        least_and_most = shape[name]
        if len(least_and_most) != 2 or not 1 <= least_and_most[0] <= least_and_most[1]:
            raise saved.damaged(f"shape.{name} must be the least and the most")
    for source in saved.manifest["sources"]:
        for entry in source["labels"]:
            if len(entry) != 2 or entry[0] is None or not isinstance(entry[1], str | None):
                raise saved.damaged("sources.labels must be pairs of a label and its name")


def save_progress(
    folder: Path, header: Mapping[str, Any], tensors: Tensors, values: Mapping[str, Any]
) -> None:
    """Write the state of a training: the tensors, then the JSON with their sum."""
    content = _to_bytes(tensors)
    write_atomically(folder / _WEIGHTS, content, mode=PRIVATE_FILE)
    state = {"run": header, "sum": hashlib.sha256(content).hexdigest(), **values}
    write_atomically(folder / PROGRESS, _json(state), mode=PRIVATE_FILE)


def load_progress(folder: Path, header: Mapping[str, Any]) -> tuple[Tensors, dict[str, Any]] | None:
    """The state that `save_progress` wrote for this run; None if it is missing or incomplete."""
    from safetensors.torch import load

    path = folder / PROGRESS
    if not path.exists():
        return None
    try:
        values = parse_json(path.read_bytes())
        content = (folder / _WEIGHTS).read_bytes()
        run, digest = values["run"], values["sum"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if run != json.loads(_json(header)):
        raise DataError(
            f"{folder} holds an interrupted training of other data or settings. Give another "
            "folder, or delete it."
        )
    if hashlib.sha256(content).hexdigest() != digest:
        return None  # killed between the two files: begin again
    try:
        return load(content), values
    except Exception:  # as _parameters
        return None


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
