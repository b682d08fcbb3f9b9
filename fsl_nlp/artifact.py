"""A fitted classifier in a folder: safetensors and versioned JSON, no pickle.

    classifier.json         what it is; holds its own sum and the other files'; written last
    tensors-<sum>.safetensors
    examples-<sum>.jsonl    the training examples, unless left out

The manifest is the only file that is replaced. Until then a reader sees the old classifier whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision import softmax
from fsl_nlp.errors import ArtifactError, ModelError, OptionError
from fsl_nlp.folders import check_format, write_atomically
from fsl_nlp.types import Dataset, Example, LabelInfo

if TYPE_CHECKING:
    from fsl_nlp.classifier import FewShotClassifier
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.methods.base import Classifier

Arrays = dict[str, NDArray[Any]]

FORMAT = 1
MANIFEST = "classifier.json"
SUFFIXES = {"tensors": "safetensors", "examples": "jsonl"}
_OURS = re.compile(r"tensors-[0-9a-f]{12}\.safetensors|examples-[0-9a-f]{12}\.jsonl")
# What a save that was killed may leave, temporary names included.
_LEFT_BEHIND = re.compile(rf"{_OURS.pattern}|\.({_OURS.pattern}|classifier\.json)\.[0-9a-f]{{12}}")
# Asked at saving and again at loading: both must give the same vector and the same beliefs. bf16
# and fp32 differ by 1e-5 in the cosine and 0.002 in the beliefs (measured on both samples).
_SELF_TEST = "Where is my order? 我的订单到哪了？"
_SELF_TEST_COSINE = 0.999
_SELF_TEST_BELIEF = 0.02


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
    return _sum(content)[:12]


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


def save_classifier(classifier: FewShotClassifier, folder: Path, *, store_examples: bool) -> Path:
    from safetensors.numpy import save

    check_folder(folder)
    tensors, settings = classifier.classifier_.state()
    contents = {
        "tensors": save(
            {
                **{f"state.{k}": np.ascontiguousarray(v) for k, v in tensors.items()},
                **_self_test(classifier.classifier_),
            }
        )
    }
    if store_examples:
        lines = (json.dumps(_fields(e), ensure_ascii=False) for e in classifier.examples_)
        contents["examples"] = "".join(f"{line}\n" for line in lines).encode()
    sums = {kind: hashlib.sha256(content).hexdigest() for kind, content in contents.items()}
    files = {
        kind: {"name": f"{kind}-{digest[:12]}.{SUFFIXES[kind]}", "sha256": digest}
        for kind, digest in sums.items()
    }
    manifest = _manifest(classifier, settings, files)
    try:
        for kind, content in contents.items():
            write_atomically(folder / files[kind]["name"], content)
        write_atomically(folder / MANIFEST, manifest)
        _remove_old(folder, {entry["name"] for entry in files.values()})
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return folder


def _manifest(
    classifier: FewShotClassifier, settings: dict[str, Any], files: dict[str, dict[str, str]]
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
        },
        "settings": settings,
        "files": files,
    }
    signed = {**manifest, "sum": _sum(manifest)}
    return json.dumps(signed, ensure_ascii=False, indent=1, default=_plain) + "\n"


def _plain(number: Any) -> Any:
    """What JSON cannot hold: numpy's numbers, as a search over parameters sets them."""
    return number.item()


def _sum(content: Mapping[str, Any]) -> str:
    """Of everything but the sum itself."""
    rest = {key: value for key, value in content.items() if key != "sum"}
    text = json.dumps(rest, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _remove_old(folder: Path, current: set[str]) -> None:
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in current:
            path.unlink(missing_ok=True)


def _self_test(fitted: Classifier) -> dict[str, NDArray[np.float32]]:
    question = [fitted.like(_SELF_TEST)]
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

    manifest = _read_manifest(folder)
    tensors = _read_tensors(folder, manifest)
    examples = _read_examples(folder, manifest)
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
    _check_answers(folder, tensors, _self_test(fitted))
    version = str(manifest["model_version"])
    return classifier._take(fitted, manifest["method"], found, examples, version)


def _find_encoder(
    folder: Path, wanted: dict[str, Any], encoder: str | TextEncoder | None, device: str
) -> TextEncoder:
    """The encoder that the manifest names or the user gives, if it is the one saved with."""
    from fsl_nlp.encoders import load_encoder

    if encoder is None or isinstance(encoder, str):
        try:
            encoder = load_encoder(encoder or wanted["name"], device=device)
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


def _check_answers(folder: Path, expected: Arrays, found: Arrays) -> None:
    before, now = expected["self_test.vector"], found["self_test.vector"]
    cosine = before @ now / max(float(np.linalg.norm(before) * np.linalg.norm(now)), 1e-12)
    change = np.abs(found["self_test.beliefs"] - expected["self_test.beliefs"]).max()
    # Written so that NaN fails too.
    if not (cosine >= _SELF_TEST_COSINE and change <= _SELF_TEST_BELIEF):
        raise ArtifactError(
            f"The classifier in {folder} does not answer as it did when it was saved (cosine of "
            f"its test vectors {cosine:.4f}, beliefs differ by {change:.3f}). Its encoder's "
            "configuration or a library that it needs has changed; fit it again."
        )


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtifactError(
            f"There is no classifier in {folder} (no {MANIFEST}). "
            "Give the folder that save() or `fsl-nlp fit --out` wrote."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format"]
    except (ValueError, KeyError, TypeError):
        raise ArtifactError(f"{path} is damaged: it is not the JSON that save() writes.") from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from None
    check_format(path, version, FORMAT)
    if manifest.get("sum") != _sum(manifest):
        raise ArtifactError(
            f"{path} is altered: its sum is wrong. Copy the folder again, or save it again."
        )
    return dict(manifest)


def _read_file(folder: Path, entry: dict[str, str]) -> bytes:
    """A file that the manifest names, if its sum is right."""
    path = folder / Path(entry["name"]).name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(
            f"{path} is missing. Copy the whole folder, or save it again."
        ) from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from None
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise ArtifactError(
            f"{path} is cut off or altered: its sum is not the one in {MANIFEST}. "
            "Copy the folder again, or save it again."
        )
    return content


def _read_tensors(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = _read_file(folder, manifest["files"]["tensors"])
    try:
        return dict(load(content))
    except SafetensorError as error:
        raise ArtifactError(f"{folder} holds tensors that cannot be read: {error}.") from None


def _read_examples(folder: Path, manifest: dict[str, Any]) -> tuple[Example, ...]:
    entry = manifest["files"].get("examples")
    if entry is None:
        return ()
    lines = _read_file(folder, entry).decode().split("\n")
    return tuple(_example(json.loads(line)) for line in lines if line)


def _fields(example: Example) -> dict[str, Any]:
    """Those that say something."""
    return {name: value for name, value in asdict(example).items() if value not in (None, ())}


def _example(found: dict[str, Any]) -> Example:
    # JSON has lists where spans and candidates are tuples.
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in found.items()
    }
    return Example(**fields)
