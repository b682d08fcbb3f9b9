"""A fitted classifier in a folder: safetensors and versioned JSON, no pickle.

    classifier.json         what it is; names the other files and their sums; written last
    tensors-<sum>.safetensors
    examples-<sum>.jsonl    the training examples, unless left out

The manifest is the only file that is replaced. Until then a reader sees the old classifier whole.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fsl_nlp.decision import softmax
from fsl_nlp.errors import ArtifactError, ModelError
from fsl_nlp.folders import write_atomically
from fsl_nlp.types import Example, Label

if TYPE_CHECKING:
    from fsl_nlp.classifier import FewShotClassifier
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.methods.base import Classifier

FORMAT = 1
MANIFEST = "classifier.json"
# Asked at saving and again at loading: both must give the same beliefs, whatever the processor.
_SELF_TEST = "Where is my order? 我的订单到哪了？"
_SELF_TEST_TOLERANCE = 0.02


def model_version(fitted: Classifier, method: str, encoder: TextEncoder) -> str:
    """Twelve hex digits that name what was learned; equal for equal training."""
    tensors, settings = fitted.state()
    digest = hashlib.sha256()
    digest.update(json.dumps([method, encoder.fingerprint, list(fitted.labels), settings]).encode())
    for name in sorted(tensors):
        digest.update(name.encode() + np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()[:12]


def save_classifier(classifier: FewShotClassifier, folder: Path, *, store_examples: bool) -> Path:
    from safetensors.numpy import save

    from fsl_nlp import __version__

    if folder.exists() and not folder.is_dir():
        raise ArtifactError(f"{folder} is a file. Give a folder to save the classifier in.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise ArtifactError(
            f"{folder} holds other files and no classifier. Give a new or an empty folder."
        )
    tensors, settings = classifier.classifier_.state()
    beliefs = softmax(classifier.classifier_.scores([Example(_SELF_TEST)]))[0]
    arrays = {f"state.{k}": np.ascontiguousarray(v) for k, v in tensors.items()}
    contents = {"tensors": save({**arrays, "self_test": beliefs.astype(np.float32)})}
    if store_examples:
        lines = (
            json.dumps({"text": e.text, "label": e.label}, ensure_ascii=False)
            for e in classifier.examples_
        )
        contents["examples"] = "".join(f"{line}\n" for line in lines).encode()
    encoder = classifier.encoder_
    files: dict[str, dict[str, str]] = {}
    manifest = {
        "format": FORMAT,
        "fsl_nlp": __version__,
        "model_version": classifier.model_version_,
        "method": classifier.method_,
        "parameters": {
            k: v if k != "encoder" else encoder.name for k, v in classifier.get_params().items()
        },
        "labels": list(classifier.classifier_.labels),
        "encoder": {
            "name": encoder.name,
            "fingerprint": encoder.fingerprint,
            "pooling": asdict(encoder.pooling),
        },
        "settings": settings,
        "files": files,
    }
    suffixes = {"tensors": "safetensors", "examples": "jsonl"}
    for kind, content in contents.items():
        digest = hashlib.sha256(content).hexdigest()
        name = f"{kind}-{digest[:12]}.{suffixes[kind]}"
        write_atomically(folder / name, content)
        files[kind] = {"name": name, "sha256": digest}
    write_atomically(folder / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    current = {entry["name"] for entry in files.values()}
    for kind, suffix in suffixes.items():
        for old in folder.glob(f"{kind}-*.{suffix}"):
            if old.name not in current:
                old.unlink(missing_ok=True)
    return folder


def load_classifier(
    kind: type[FewShotClassifier],
    folder: Path,
    *,
    encoder: str | TextEncoder | None,
    device: str,
) -> FewShotClassifier:
    from fsl_nlp.encoders import load_encoder
    from fsl_nlp.methods import build_method

    manifest = _read_manifest(folder)
    tensors = _read_tensors(folder, manifest)
    examples = _read_examples(folder, manifest)
    try:
        wanted = manifest["encoder"]
        parameters = dict(manifest["parameters"])
        labels: tuple[Label, ...] = tuple(manifest["labels"])
        method, settings = manifest["method"], manifest["settings"]
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{folder / MANIFEST} is damaged: {error!r}. Save it again.") from None

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
    parameters.update(encoder=encoder if encoder.name != wanted["name"] else wanted["name"])
    classifier = kind(**{**parameters, "device": device})
    built = build_method(method, encoder, seed=classifier.seed, options=classifier._options())
    expected = tensors.pop("self_test")
    state = {name.removeprefix("state."): array for name, array in tensors.items()}
    fitted = built.restore(labels, state, settings)
    found = softmax(fitted.scores([Example(_SELF_TEST)]))[0]
    if not np.abs(found - expected).max() <= _SELF_TEST_TOLERANCE:
        raise ArtifactError(
            f"The classifier in {folder} does not answer as it did when it was saved "
            f"(beliefs differ by {np.abs(found - expected).max():.3f}). "
            "Its files or a library that it needs have changed; fit it again."
        )
    return classifier._take(fitted, method, encoder, examples)


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
    if not isinstance(version, int) or version > FORMAT:
        raise ArtifactError(
            f"{path} has format {version}; this fsl_nlp reads up to {FORMAT}. "
            "Upgrade it: pip install --upgrade fsl-nlp"
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
    return tuple(Example(**json.loads(line)) for line in lines if line)
