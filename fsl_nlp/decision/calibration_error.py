"""Expected calibration error: how far the confidence is from the accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import DataError

Values = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

BINS = 15
RESAMPLES = 1000


def expected_calibration_error(confidence: Values, correct: Flags, bins: int = BINS) -> float:
    """The mean gap between confidence and accuracy, over bins of equally many texts.

    The texts are sorted by confidence (Naeini et al. 2015; bins of equal mass as in Nguyen and
    O'Connor 2015). The order of texts with the same confidence changes nothing. With n texts
    in B bins, even a perfectly calibrated classifier shows about 0.3 * sqrt(B / n).

    >>> expected_calibration_error(np.array([0.9, 0.6]), np.array([True, False]), bins=1)
    0.25
    """
    if len(confidence) == 0:
        raise DataError("There are no texts to score.")
    values, group = np.unique(confidence, return_inverse=True)
    return _gap(values, np.bincount(group), np.bincount(group, weights=correct), bins)


def calibration_error_interval(
    confidence: Values,
    correct: Flags,
    bins: int = BINS,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95% bootstrap interval of `expected_calibration_error`; NaN for fewer than two texts.

    A resample adds as much sampling noise to the gaps as the sample has, and the absolute value
    makes noise larger, never smaller. So the interval is the basic one: the quantiles are mirrored
    at the estimate (Davison and Hinkley 1997, 5.2), and cut at 0.

    >>> confidence = np.full(100, 0.9)
    >>> calibration_error_interval(confidence, np.arange(100) < 50, bins=1)[0] > 0.25
    True
    """
    count = len(confidence)
    if count < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    values, group = np.unique(confidence, return_inverse=True)
    gaps = []
    for _ in range(resamples):
        rows = rng.integers(0, count, count)
        sizes = np.bincount(group[rows], minlength=len(values))
        hits = np.bincount(group[rows], weights=correct[rows], minlength=len(values))
        gaps.append(_gap(values, sizes, hits, bins))
    low, high = np.quantile(gaps, [0.025, 0.975])
    estimate = expected_calibration_error(confidence, correct, bins)
    return max(0.0, float(2 * estimate - high)), max(0.0, float(2 * estimate - low))


def _gap(values: Values, sizes: NDArray[np.int64], hits: NDArray[Any], bins: int) -> float:
    """The error, from the confidences in order, and how many texts have each and are right."""
    accuracy = hits / np.maximum(sizes, 1)
    gaps = np.repeat(values - accuracy, sizes)
    edges = np.linspace(0, len(gaps), min(bins, len(gaps)) + 1).astype(int)[:-1]
    return float(np.abs(np.add.reduceat(gaps, edges)).sum() / len(gaps))
