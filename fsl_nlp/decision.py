"""From scores to answers. Sees scores only, so it serves every method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.types import Alternative, Label, Neighbour, Prediction

Scores = NDArray[np.floating[Any]]


def softmax(scores: Scores) -> NDArray[np.float64]:
    """Rows that sum to one.

    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    shifted = np.asarray(scores, np.float64) - scores.max(axis=1, keepdims=True)
    powers: NDArray[np.float64] = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def mean_log_probabilities(
    scores: Sequence[Scores], weights: Sequence[float]
) -> NDArray[np.float32]:
    """The weighted mean of what several classifiers say, [n, N] each.

    >>> even, sure = np.array([[0.0, 0.0]]), np.array([[0.0, -100.0]])
    >>> mean_log_probabilities([even, sure], [1, 0]).round(2)
    array([[-0.69, -0.69]], dtype=float32)
    """
    total = sum(weights) or 1.0
    logs = [np.log(np.maximum(softmax(each), 1e-300)) for each in scores]
    mean = sum((log * (w / total) for log, w in zip(logs, weights, strict=True)), np.zeros(()))
    return np.asarray(mean, np.float32)


def fit_temperature(scores: Scores, targets: NDArray[np.int64], *, start: float) -> float:
    """The temperature T for which softmax(scores / T) has the least log loss on `targets`.

    `scores` must be of examples that the scorer was not fitted on (Guo et al. 2017, arXiv
    1706.04599). Few examples say little, so log T is held near `start` by a penalty that weighs
    as much as two examples.
    """
    if len(targets) == 0:
        return start

    def loss(log_ratio: float) -> float:
        beliefs = softmax(scores / (start * np.exp(log_ratio)))
        chosen = beliefs[np.arange(len(targets)), targets]
        return float(-np.log(np.maximum(chosen, 1e-12)).sum() + log_ratio**2)

    from scipy.optimize import minimize_scalar

    best = minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded")
    return float(start * np.exp(best.x))


def decide(
    beliefs: NDArray[np.float64],
    labels: tuple[Label, ...],
    *,
    top_k: int,
    nearest: tuple[Neighbour, ...] = (),
    model_version: str = "",
) -> Prediction:
    """One row of beliefs to a prediction with its best alternatives."""
    order = np.argsort(-beliefs, kind="stable")
    best = beliefs[order[0]]
    second = beliefs[order[1]] if len(order) > 1 else 0.0
    return Prediction(
        label=labels[order[0]],
        confidence=float(best),
        margin=float(best - second),
        reason="ok",
        alternatives=tuple(Alternative(labels[i], float(beliefs[i])) for i in order[1:top_k]),
        nearest=nearest,
        model_version=model_version,
    )


def empty_prediction(model_version: str) -> Prediction:
    """The answer to a text that says nothing."""
    return Prediction(None, 0.0, 0.0, "empty", model_version=model_version)
