"""A fitted classifier in a folder: safetensors and versioned JSON, no pickle.

    classifier.json         what it is; holds its own sum and the other files'; written last
    tensors-<sum>.safetensors
    examples-<sum>.jsonl    the training examples, unless left out
    scorer-<sum>.onnx       its head, for `fsl_nlp.runtime`; where ONNX graphs can be made

The manifest is the only file that is replaced. Until then a reader sees the old classifier whole.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision import softmax
from fsl_nlp.errors import ArtifactError, MissingExtraError, ModelError, OptionError
from fsl_nlp.folders import write_atomically
from fsl_nlp.runtime.saved import (
    FORMAT,
    MANIFEST,
    SELF_TEST,
    check_answers,
    manifest_sum,
    plain,
    read_examples,
    read_manifest,
    read_tensors,
)
from fsl_nlp.types import Dataset, Example, LabelInfo

if TYPE_CHECKING:
    from fsl_nlp.answering import Scorer
    from fsl_nlp.classifier import FewShotClassifier
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.methods.base import Classifier
    from fsl_nlp.methods.scorers import SavedPart

log = logging.getLogger("fsl_nlp")

Arrays = dict[str, NDArray[Any]]

SUFFIXES = {"tensors": "safetensors", "examples": "jsonl", "scorer": "onnx"}
_OURS = re.compile("|".join(rf"{kind}-[0-9a-f]{{12}}\.{end}" for kind, end in SUFFIXES.items()))
# What a save that was killed may leave, temporary names included.
_LEFT_BEHIND = re.compile(rf"{_OURS.pattern}|\.({_OURS.pattern}|classifier\.json)\.[0-9a-f]{{12}}")


def model_version(
    support: Dataset, method: str, encoder: TextEncoder, *, seed: int, options: Mapping[str, Any]
) -> str:
    """Twelve hex digits that name what was learned; equal for equal training.

    They are of what goes into training. What comes out differs in its last bits with the batches
    that the encoder happened to compute its vectors in.
    """
    from fsl_nlp import __version__

    content = {
        "fsl_nlp": __version__,
        "method": method,
        "encoder": [encoder.fingerprint, asdict(encoder.pooling)],
        "seed": seed,
        "options": dict(options),
        "labels": [
            [label, asdict(support.info.get(label, LabelInfo()))] for label in support.labels
        ],
        "examples": [asdict(example) for example in support],
    }
    return manifest_sum(content)[:12]


def check_folder(folder: Path) -> None:
    """Refuse a folder that a classifier cannot be saved in."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise ArtifactError(f"{there} is a file. Give a folder to save the classifier in.")
    if not os.access(there, os.W_OK):
        raise ArtifactError(f"You may not write in {there}. Give another folder.")
    if not folder.is_dir() or (folder / MANIFEST).exists():
        return
    others = [path.name for path in folder.iterdir() if not _LEFT_BEHIND.fullmatch(path.name)]
    if others:
        raise ArtifactError(
            f"{folder} holds other files ({min(others)}) and no classifier. "
            "Give a new or an empty folder."
        )


def save_classifier(
    classifier: FewShotClassifier,
    folder: Path,
    *,
    store_examples: bool,
    parts: Sequence[SavedPart] | None = None,
    tensors: Arrays | None = None,
) -> Path:
    """Write a classifier. `parts` are what answers without torch, with their `tensors`."""
    from safetensors.numpy import save

    if parts is None:
        check_folder(folder)
        parts = _parts(classifier.classifier_)
    state, settings = classifier.classifier_.state()
    saved = {f"state.{name}": array for name, array in state.items()} | (tensors or {})
    for number, part in enumerate(parts):
        saved |= {f"runtime.{number}.{name}": array for name, array in part.tensors.items()}
    saved |= self_test(classifier.classifier_)
    contents = {
        "tensors": save({name: np.ascontiguousarray(array) for name, array in saved.items()})
    }
    for number, part in enumerate(parts):
        if part.scorer:
            contents[f"scorer-{number}"] = part.scorer
    if store_examples:
        lines = (json.dumps(_fields(e), ensure_ascii=False) for e in classifier.examples_)
        contents["examples"] = "".join(f"{line}\n" for line in lines).encode()
    sums = {kind: hashlib.sha256(content).hexdigest() for kind, content in contents.items()}
    files = {
        kind: {"name": _file_name(kind, digest), "sha256": digest} for kind, digest in sums.items()
    }
    manifest = _manifest(classifier, settings, files, [dict(part.about) for part in parts])
    try:
        for kind, content in contents.items():
            write_atomically(folder / files[kind]["name"], content)
        write_atomically(folder / MANIFEST, manifest)
        _remove_old(folder, {entry["name"] for entry in files.values()})
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return folder


def _parts(fitted: Classifier) -> Sequence[SavedPart]:
    """What answers without torch; nothing where that cannot be made."""
    from fsl_nlp.methods.scorers import saved_parts

    try:
        return saved_parts(fitted)
    except (ModelError, MissingExtraError) as error:
        log.info("Saved without what answers without torch: %s", error)
        return ()


def _file_name(kind: str, digest: str) -> str:
    name = kind.split("-")[0]
    return f"{name}-{digest[:12]}.{SUFFIXES[name]}"


def _manifest(
    classifier: FewShotClassifier,
    settings: dict[str, Any],
    files: dict[str, dict[str, str]],
    parts: list[dict[str, Any]],
) -> str:
    from fsl_nlp import __version__

    encoder = classifier.encoder_
    # A relative path would mean another folder wherever the classifier is loaded.
    name = str(Path(encoder.name).absolute()) if Path(encoder.name).is_dir() else encoder.name
    manifest = {
        "format": FORMAT,
        "fsl_nlp": __version__,
        "model_version": classifier.model_version_,
        "method": classifier.method_,
        "parameters": {**classifier.get_params(deep=False), "encoder": name},
        "labels": list(classifier.classifier_.labels),
        "encoder": {
            "name": name,
            "fingerprint": encoder.fingerprint,
            "pooling": asdict(encoder.pooling),
            # Others come out by the processor; this one was asked for.
            **({"precision": "int8"} if encoder.precision == "int8" else {}),
        },
        "settings": settings,
        "files": files,
        "inputs": classifier.classifier_.inputs.to_dict(),
        **({"runtime": {"parts": parts}} if parts else {}),
    }
    signed = {**manifest, "sum": manifest_sum(manifest)}
    return json.dumps(signed, ensure_ascii=False, indent=1, default=plain) + "\n"


def _remove_old(folder: Path, current: set[str]) -> None:
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in current:
            path.unlink(missing_ok=True)


def self_test(fitted: Scorer) -> dict[str, NDArray[np.float32]]:
    """What it answers to a question, to be asked again at loading."""
    question = [fitted.example_of(SELF_TEST)]
    beliefs = softmax(fitted.scores(question))[0]
    return {
        "self_test.vector": np.ascontiguousarray(fitted.embed(question)[0]),
        "self_test.beliefs": beliefs.astype(np.float32),
    }


def load_classifier(
    kind: type[FewShotClassifier],
    folder: Path,
    *,
    encoder: str | TextEncoder | None,
    device: str,
) -> FewShotClassifier:
    from fsl_nlp.methods import build_method

    manifest = read_manifest(folder)
    if any(part.get("differs") for part in manifest.get("runtime", {}).get("parts", ())):
        raise ArtifactError(
            f"{folder} was exported in int8 or for some scripts alone: it answers through "
            "fsl_nlp.runtime.Bot.load. To change it, export the classifier that it was made from."
        )
    tensors = read_tensors(folder, manifest)
    examples = read_examples(folder, manifest)
    wanted = manifest["encoder"]
    found = _find_encoder(folder, wanted, encoder, device)
    try:
        classifier = kind(
            **{**manifest["parameters"], "encoder": encoder or wanted["name"], "device": device}
        )
        method = build_method(
            manifest["method"], found, seed=classifier.seed, options=classifier._options()
        )
    except OptionError as error:
        raise ArtifactError(
            f"The classifier in {folder} was saved by fsl_nlp {manifest['fsl_nlp']} with a "
            f"setting that this one does not have: {error}"
        ) from error
    state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
    fitted = method.restore(tuple(manifest["labels"]), state, manifest["settings"])
    check_answers(folder, tensors, self_test(fitted))
    version = str(manifest["model_version"])
    return classifier._take(fitted, manifest["method"], found, examples, version)


def _find_encoder(
    folder: Path, wanted: dict[str, Any], encoder: str | TextEncoder | None, device: str
) -> TextEncoder:
    """The encoder that the manifest names or the user gives, if it is the one saved with."""
    from fsl_nlp.encoders import load_encoder

    if encoder is None or isinstance(encoder, str):
        try:
            precision = wanted.get("precision", "auto")
            if precision == "int8" and device == "auto":
                device = "cpu"  # where int8 is read
            encoder = load_encoder(encoder or wanted["name"], device=device, precision=precision)
        except ModelError as error:
            raise ArtifactError(
                f"The classifier in {folder} needs its encoder {wanted['name']!r}. {error}\n"
                "If it has moved, say where it is: load(folder, encoder=FOLDER)."
            ) from error
    if encoder.fingerprint != wanted["fingerprint"]:
        raise ArtifactError(
            f"The classifier in {folder} was made with another encoder.\n"
            f"  saved with {wanted['name']!r}, fingerprint {wanted['fingerprint'][:16]}\n"
            f"  found      {encoder.name!r}, fingerprint {encoder.fingerprint[:16]}\n"
            "Give the encoder that it was saved with, or fit it again with this one."
        )
    return encoder


def _fields(example: Example) -> dict[str, Any]:
    """Those that say something."""
    return {name: value for name, value in asdict(example).items() if value not in (None, ())}
