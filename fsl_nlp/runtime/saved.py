"""Reading a saved classifier: safetensors and versioned JSON, no pickle.

classifier.json         what it is; holds its own sum and the other files'; written last
tensors-<sum>.safetensors
examples-<sum>.jsonl    the training examples, unless left out
scorer-<sum>.onnx       vectors in, scores out; where ONNX graphs can be made
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import ArtifactError
from fsl_nlp.folders import check_format
from fsl_nlp.types import Example

FORMAT = 1
MANIFEST = "classifier.json"

# Asked at saving and again at loading: both must give the same vector and the same beliefs. bf16
# and fp32 differ by 1e-5 in the cosine and 0.002 in the beliefs (measured on both samples).
SELF_TEST = "Where is my order? 我的订单到哪了？"
_SELF_TEST_COSINE = 0.999
_SELF_TEST_BELIEF = 0.02

Arrays = Mapping[str, NDArray[Any]]


def plain(number: Any) -> Any:
    """What JSON cannot hold: numpy's numbers, as a search over parameters sets them."""
    return number.item()


def manifest_sum(content: Mapping[str, Any]) -> str:
    """Of everything but the sum itself."""
    rest = {key: value for key, value in content.items() if key != "sum"}
    text = json.dumps(rest, sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
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
    if manifest.get("sum") != manifest_sum(manifest):
        raise ArtifactError(
            f"{path} is altered: its sum is wrong. Copy the folder again, or save it again."
        )
    return dict(manifest)


def read_file(folder: Path, entry: dict[str, str]) -> bytes:
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


def read_tensors(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = read_file(folder, manifest["files"]["tensors"])
    try:
        return dict(load(content))
    except SafetensorError as error:
        raise ArtifactError(f"{folder} holds tensors that cannot be read: {error}.") from None


def read_examples(folder: Path, manifest: dict[str, Any]) -> tuple[Example, ...]:
    entry = manifest["files"].get("examples")
    if entry is None:
        return ()
    lines = read_file(folder, entry).decode().split("\n")
    return tuple(_example(json.loads(line)) for line in lines if line)


def _example(saved: dict[str, Any]) -> Example:
    # JSON has lists where spans and candidates are tuples.
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()
    }
    return Example(**fields)


def check_answers(folder: Path, expected: Arrays, answers: Arrays) -> None:
    """Refuse what does not answer the self-test as it did when it was saved."""
    before, now = expected["self_test.vector"], answers["self_test.vector"]
    cosine = before @ now / max(float(np.linalg.norm(before) * np.linalg.norm(now)), 1e-12)
    change = np.abs(answers["self_test.beliefs"] - expected["self_test.beliefs"]).max()
    # Written so that NaN fails too.
    if not (cosine >= _SELF_TEST_COSINE and change <= _SELF_TEST_BELIEF):
        raise ArtifactError(
            f"The classifier in {folder} does not answer as it did when it was saved (cosine of "
            f"its test vectors {cosine:.4f}, probabilities differ by {change:.3f}). Its encoder's "
            "configuration or a library that it needs has changed; fit it again."
        )
