"""A test question, answered at saving and at loading: both answers must be equal.

The sum of the labels is saved beside the answer, so that each probability keeps its label.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.artifact.manifest import plain_number
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.errors import ArtifactError
from fsl_nlp.types import Label

if TYPE_CHECKING:
    from fsl_nlp.labelling import Scorer

QUESTION = "Where is my order? 我的订单到哪了？"
VECTOR, PROBABILITIES = "self_test.vector", "self_test.probabilities"
LABELS = "self_test.labels"

# bf16 and fp32 differ by 1e-5 in the cosine and 0.002 in the probabilities (measured on the sample
# data of both languages).
_LEAST_COSINE = 0.999
_MAX_CHANGE = 0.02


def run_self_test(classifier: Scorer) -> dict[str, NDArray[np.float32]]:
    """The classifier's vector [D] and its probabilities [N] for the test question."""
    examples = [classifier.example_of(QUESTION)]
    outputs = classifier.outputs(examples)
    return {
        VECTOR: np.ascontiguousarray(outputs.vectors[0]),
        PROBABILITIES: softmax(outputs.scores)[0].astype(np.float32),
    }


def label_sum(labels: Sequence[Label]) -> NDArray[np.uint8]:
    """The sha256 of the labels in their order, as an array: it is saved with the tensors."""
    text = json.dumps(list(labels), default=plain_number)
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)


def check_self_test(folder: Path, classifier: Scorer, expected: Mapping[str, NDArray[Any]]) -> None:
    """Refuse a classifier that does not answer the test question as it did when it was saved."""
    with np.errstate(all="ignore"):  # what is infinite or no number is refused below
        answers = run_self_test(classifier)
    before, now = (np.asarray(vectors[VECTOR], np.float64) for vectors in (expected, answers))
    if any(answers[name].shape != expected[name].shape for name in (VECTOR, PROBABILITIES)):
        raise ArtifactError(
            f"The classifier in {folder} does not fit its encoder: its answers have another size "
            "than when it was saved. Copy the folder again, or fit it again."
        )
    cosine = before @ now / max(float(np.linalg.norm(before) * np.linalg.norm(now)), 1e-12)
    change = np.abs(answers[PROBABILITIES] - expected[PROBABILITIES]).max()
    # Written so that NaN fails too.
    if not (cosine >= _LEAST_COSINE and change <= _MAX_CHANGE):
        raise ArtifactError(
            f"The classifier in {folder} does not answer as it did when it was saved (cosine of "
            f"its test vectors {cosine:.4f}, probabilities differ by {change:.3f}). Its encoder's "
            "configuration or a library that it needs has changed; fit it again."
        )
