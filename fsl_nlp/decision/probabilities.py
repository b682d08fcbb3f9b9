"""From scores to calibrated probabilities. It needs scores only, so it serves every method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]


def softmax(scores: Scores) -> NDArray[np.float64]:
    """Scores to probabilities: rows that sum to 1.

    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    shifted = np.asarray(scores, np.float64) - scores.max(axis=1, keepdims=True)
    powers: NDArray[np.float64] = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def mean_log_probabilities(
    scores: Sequence[Scores], weights: Sequence[float]
) -> NDArray[np.float32]:
    """The weighted mean of the log-probabilities of several classifiers with scores [n, N].

    >>> even, sure = np.array([[0.0, 0.0]]), np.array([[0.0, -100.0]])
    >>> mean_log_probabilities([even, sure], [1, 0]).round(2)
    array([[-0.69, -0.69]], dtype=float32)
    """
    total = sum(weights) or 1.0
    logs = [np.log(np.maximum(softmax(matrix), 1e-300)) for matrix in scores]
    mean = sum((log * (w / total) for log, w in zip(logs, weights, strict=True)), np.zeros(()))
    return np.asarray(mean, np.float32)


# What few examples are weighed against: the weight of the usual temperature. With 2 and 3 examples
# a class, 3 to 8 lost least on the training files of SMP2017 and of both samples; with pairs, 1 to
# 3 on BUSTM's and OCNLI's dev files.
_PENALTY = 3.0


def fit_temperature(scores: Scores, targets: NDArray[np.int64], *, start: float) -> float:
    """The temperature T for which softmax(scores / T) has the least log loss on `targets`.

    `scores` must be of examples that the classifier was not fitted on (Guo et al. 2017, arXiv
    1706.04599). The penalty 3 log(T / start)^2 keeps T near `start` if there are few examples.

    >>> scores = np.array([[4.0, 0.0], [0.0, 4.0]])
    >>> fit_temperature(scores, np.array([0, 1]), start=1.0) < 1  # both correct: more confident
    True
    """
    if len(targets) == 0:
        return start

    def loss(log_ratio: float) -> float:
        probabilities = softmax(scores / (start * np.exp(log_ratio)))
        of_targets = probabilities[np.arange(len(targets)), targets]
        return float(-np.log(np.maximum(of_targets, 1e-12)).sum() + _PENALTY * log_ratio**2)

    from scipy.optimize import minimize_scalar

    best = minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded")
    return float(start * np.exp(best.x))


def match_mean_confidence(scores: Scores, confidence: float) -> float | None:
    """The temperature at which the mean confidence of softmax(scores / T) is `confidence`.

    None if there is none: the scores are all equal, or the confidence is 1.

    >>> round(match_mean_confidence(np.array([[1.0, 0.0], [0.0, 1.0]]), 0.6), 2)
    2.47
    """
    from scipy.optimize import brentq

    def excess(log_temperature: float) -> float:
        return float(softmax(scores / np.exp(log_temperature)).max(1).mean() - confidence)

    low, high = -10.0, 10.0
    if excess(low) * excess(high) >= 0:
        return None
    return float(np.exp(brentq(excess, low, high, xtol=1e-4)))
