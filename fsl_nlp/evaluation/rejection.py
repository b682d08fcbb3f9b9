"""How well a score tells which texts to answer: outsiders from questions, right from wrong.

The score is higher for a text that is more likely to be in scope, or to be answered correctly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import DataError
from fsl_nlp.intervals import wilson

Values = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]


def auroc(inside: Values, outside: Values) -> float:
    """The chance that a question in scope has a higher score than an outsider; ties count half.

    >>> auroc(np.array([0.9, 0.5]), np.array([0.5, 0.1]))
    0.875
    """
    return float(_placements(inside, outside)[0].mean())


def auroc_interval(inside: Values, outside: Values) -> tuple[float, float]:
    """The 95% interval of `auroc`; NaN for fewer than two texts of a kind.

    It is Wilson's, for a share with the variance that DeLong et al. (1988) give. A variance of
    nothing counts as that of the rarer kind.

    >>> low, high = auroc_interval(np.arange(20) + 9.5, np.arange(20))
    >>> round(low, 2), round(high, 2)
    (0.72, 0.94)
    """
    if min(len(inside), len(outside)) < 2:
        return float("nan"), float("nan")
    parts = _placements(inside, outside)
    variance = sum(float(part.var(ddof=1)) / len(part) for part in parts)
    area, count = float(parts[0].mean()), float(min(len(inside), len(outside)))
    if variance > 0:
        count = area * (1 - area) / variance
    return wilson(area, count)


def _placements(inside: Values, outside: Values) -> tuple[Values, Values]:
    """For each text, the share of texts of the other kind that it is on the right side of."""
    if len(inside) == 0 or len(outside) == 0:
        raise DataError("There must be at least one text in scope and one outsider.")
    return _share_below(outside, inside), 1 - _share_below(inside, outside)


def _share_below(values: Values, points: Values) -> Values:
    """The share of the values below each point; equal ones count half."""
    ordered = np.sort(values)
    below, not_above = (np.searchsorted(ordered, points, side) for side in ("left", "right"))
    shares: Values = (below + not_above) / (2 * len(values))
    return shares


def false_positive_rate(inside: Values, outside: Values, recall: float = 0.95) -> float:
    """The share of outsiders that are answered when this share of the questions must be.

    >>> false_positive_rate(np.array([0.9, 0.8, 0.3]), np.array([0.5, 0.1]), recall=0.6)
    0.0
    """
    if len(inside) == 0 or len(outside) == 0:
        raise DataError("There must be at least one text in scope and one outsider.")
    answered = _count(recall, len(inside))
    threshold = np.sort(inside)[len(inside) - answered]
    return float((outside >= threshold).mean())


def accuracy_at_coverage(score: Values, correct: Flags, coverage: float) -> float:
    """The accuracy on the share `coverage` of the texts with the highest scores.

    Of texts with the same score each is as likely to be among them.

    >>> accuracy_at_coverage(np.array([0.9, 0.8, 0.3]), np.array([True, True, False]), 0.6)
    1.0
    """
    answered = _count(coverage, len(score))
    return float(_expected_hits(score, correct)[answered - 1] / answered)


def area_under_risk_coverage(score: Values, correct: Flags) -> float:
    """The mean share of errors among the k texts with the highest scores, over all k.

    0 is best (Geifman and El-Yaniv 2017, arXiv 1705.08500).

    >>> area_under_risk_coverage(np.array([0.9, 0.8]), np.array([True, False]))
    0.25
    """
    hits = _expected_hits(score, correct)
    return float(1 - (hits / np.arange(1, len(hits) + 1)).mean())


def _expected_hits(score: Values, correct: Flags) -> Values:
    """How many of the k texts with the highest scores are correct, [n] for k = 1 to n.

    Where several have the same score it is the mean over their orders.
    """
    if len(score) == 0:
        raise DataError("There are no texts to score.")
    _, group, sizes = np.unique(-score, return_inverse=True, return_counts=True)
    mean = np.bincount(group, weights=correct) / sizes
    hits: Values = np.cumsum(np.repeat(mean, sizes))
    return hits


def _count(share: float, total: int) -> int:
    """The smallest number of texts that is at least this share of all; at least one."""
    return max(1, math.ceil(share * total - 1e-9))  # 0.95 * 60 is 57.0 plus a rounding error
