"""Learning from unlabelled texts: a step after any classifier that gives vectors and probabilities.

The probabilities of the unlabelled texts are spread between neighbours, and the head is fitted
again on labels and pseudo-labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.decision.probabilities import match_mean_confidence, softmax
from fsl_nlp.heads.base import Head, State, pack
from fsl_nlp.semisupervised.propagation import propagate
from fsl_nlp.types import Example
from fsl_nlp.vectors import Matrix

Vector = NDArray[np.float32]

_LABEL_MASS = 2.0  # of a label, where the probabilities of an unlabelled example add up to 1
# The temperature is found on every tenth text, held out; of fewer texts than _MANY on every second.
_HELD_OUT, _MANY = 10, 200
_PER_CLASS = 500  # pseudo-labelled texts of a class; more change little and take memory


class Refittable(Protocol):
    """A fitted classifier whose head can be fitted again."""

    def rows(self, examples: Sequence[Example]) -> Matrix:
        """[n, F]: the vectors that its head compares."""

    def row_scores(self, rows: Matrix) -> NDArray[np.float32]:
        """[n, N]: the scores of the output of `rows`."""

    def refitted(self, state: State, calibration: Calibration) -> Refittable:
        """The classifier with another state of its head and another temperature."""


Fitted = TypeVar("Fitted", bound=Refittable)


def learn_from_unlabelled(
    classifier: Fitted,
    head: Head,
    rows: Matrix,
    classes: Sequence[int],
    unlabelled: Sequence[Example],
    probabilities: NDArray[np.floating[Any]] | None = None,
    *,
    weights: Vector | None = None,
    factors: Vector | None = None,
    default_temperature: float,
    fixed_temperature: float | None = None,
) -> Fitted:
    """The classifier with its head fitted on labelled rows [n, F] and on unlabelled examples.

    `probabilities` [m, N] of the unlabelled examples are by default those of the classifier itself.
    `weights` [n] are those of the labelled rows, and `factors` [N] those on all weights of a class.
    """
    added = classifier.rows(unlabelled)
    if probabilities is None:
        probabilities = softmax(classifier.row_scores(added))
    state, temperature = fit_with_unlabelled(
        head, rows, classes, added, probabilities, default_temperature, weights, factors
    )
    calibration = (
        Calibration(fixed_temperature, 0, "option")
        if fixed_temperature
        else Calibration(temperature, 0, "unlabelled texts")
    )
    refitted: Any = classifier.refitted(state, calibration)
    return refitted


def fit_with_unlabelled(
    head: Head,
    labelled: Matrix,
    classes: Sequence[int],
    unlabelled: Matrix,
    probabilities: NDArray[np.floating[Any]],
    default_temperature: float,
    weights: Vector | None = None,
    factors: Vector | None = None,
) -> tuple[State, float]:
    """The head fitted on labelled rows [n, F] and unlabelled rows [m, F], and its temperature.

    `probabilities` [m, N] are those of a classifier of the labelled rows. The temperature makes the
    new mean confidence equal to theirs, on unlabelled rows that were held out. Where no temperature
    does that, it is the default. `weights` and `factors` are as for `learn_from_unlabelled`.
    """
    n = len(labelled)
    class_count = probabilities.shape[1]
    weights = np.ones(n, np.float32) if weights is None else weights
    factors = np.ones(class_count, np.float32) if factors is None else factors
    label_mass = _LABEL_MASS * np.eye(class_count, dtype=np.float32)[list(classes)]
    label_mass *= weights[:, None]
    vectors = np.concatenate([labelled, unlabelled])
    spread = propagate(vectors, np.concatenate([label_mass, probabilities]))[n:]
    labels = np.concatenate([classes, spread.argmax(1)]).astype(np.int64)
    weights = np.concatenate([weights, spread.max(1)]) * factors[labels]

    def fit(rows: NDArray[np.int64]) -> State:
        chosen = labels[rows].tolist()
        return head.fit(*pack(vectors[rows], chosen, class_count, weights[rows])[:2])

    used = n + _some_of_each_class(labels[n:], spread.max(1))
    held_out = used[:: _HELD_OUT if len(used) >= _MANY else 2]
    kept = np.concatenate([np.arange(n), np.setdiff1d(used, held_out)])
    queries = torch.from_numpy(vectors[held_out])[None]
    scores = head.score(fit(kept), queries)[0].numpy()
    confidence = float(probabilities[held_out - n].max(1).mean())
    temperature = match_mean_confidence(scores, confidence)
    return fit(np.concatenate([np.arange(n), used])), temperature or default_temperature


def _some_of_each_class(
    labels: NDArray[np.int64], confidence: NDArray[np.float32]
) -> NDArray[np.int64]:
    """The indices of at most `_PER_CLASS` of each class, evenly from high to low confidence."""
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(-confidence[rows], kind="stable")]
        even = np.linspace(0, len(rows) - 1, min(len(rows), _PER_CLASS)).round().astype(int)
        chosen.append(rows[even])
    return np.sort(np.concatenate(chosen))
