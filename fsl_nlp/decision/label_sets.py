"""Label sets that hold the right label as often as asked for: conformal prediction.

The threshold is that of the least ambiguous set-valued classifier (Sadinle, Lei, Wasserman 2019,
arXiv 1609.00451; the rule LAC of the package MAPIE): examples that a classifier did not see say how
low the probability of the right label may be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.outputs import HeldOut
from fsl_nlp.decision.probabilities import Scores, softmax
from fsl_nlp.errors import OptionError
from fsl_nlp.types import Label

# Each label has a threshold of its own only if it has at least so many held-out examples, and three
# times the fewest that allow one. With 10 of each label of BANKING77, sets of 90% by label hold 3.9
# labels instead of 1.3 (validation file).
_LEAST_BY_LABEL = 50
_TIMES_FEWEST = 3
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The labels that a text may have, the most probable first, with their confidences.

    Of texts like the training examples, the share `coverage` has the right label in the set. With
    `by_label` this is so for the texts of each label; otherwise only for all labels together.
    `limited` is False if there were too few training examples for this coverage, so that the set
    holds all labels.

    >>> LabelSet(("track", "refund"), (0.6, 0.3), coverage=0.9).labels
    ('track', 'refund')
    """

    labels: tuple[Label, ...]
    confidences: tuple[float, ...]
    coverage: float
    by_label: bool = False
    limited: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        from dataclasses import asdict

        return asdict(self)


@dataclass(frozen=True, eq=False)
class Conformity:
    """The probability of the right label of n examples, by classifiers that did not see them.

    `probabilities` [n] are sorted, and `classes` [n] are the right labels; -1 where that is left
    out, so that the example counts for all labels together.
    """

    probabilities: NDArray[np.float64]
    classes: NDArray[np.int64]

    def thresholds(self, coverage: float, count: int) -> tuple[NDArray[np.float64], bool]:
        """[N]: the lowest probability at which each of `count` labels is in a set.

        0 for all labels if there are too few examples. And whether each has one of its own.
        """
        needed = max(_LEAST_BY_LABEL, _TIMES_FEWEST * fewest_examples(coverage))
        sizes = np.bincount(self.classes[self.classes >= 0], minlength=count)
        if len(sizes) == count and sizes.min() >= needed:
            own = [self.probabilities[self.classes == c] for c in range(count)]
            return np.array([_threshold(values, coverage) for values in own]), True
        return np.full(count, _threshold(self.probabilities, coverage)), False

    def sets(
        self, probabilities: NDArray[np.floating[Any]], labels: tuple[Label, ...], coverage: float
    ) -> list[LabelSet]:
        """The label set for each row of probabilities [q, N]. The best label is always in it."""
        lowest, by_label = self.thresholds(check_coverage(coverage), len(labels))
        enough = len(self.probabilities) >= fewest_examples(coverage)
        sets = []
        for row in probabilities:
            order = np.argsort(-row, kind="stable")
            kept = [i for n, i in enumerate(order) if n == 0 or row[i] >= lowest[i] - _ROUNDING]
            names, confidences = tuple(labels[i] for i in kept), tuple(float(row[i]) for i in kept)
            sets.append(LabelSet(names, confidences, coverage, by_label, enough))
        return sets

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays that `restore` needs."""
        return {"probabilities": self.probabilities, "classes": self.classes}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Conformity:
        """The conformity that `state` described."""
        probabilities = np.asarray(arrays["probabilities"], np.float64)
        return cls(probabilities, np.asarray(arrays["classes"], np.int64))


def fit_conformity(scores: Scores, classes: NDArray[np.integer[Any]]) -> Conformity:
    """Learn from the scores [n, N] of examples and the right labels [n], as columns of the scores.

    The classifiers of the scores must not have seen the examples. The softmax of a row gives the
    probability of each label.

    >>> scores = np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    >>> conformity = fit_conformity(scores, np.array([0, 0, 1, 1]))
    >>> [s.labels for s in conformity.sets(np.array([[0.7, 0.3]]), ("track", "refund"), 0.8)]
    [('track',)]
    """
    columns: NDArray[np.int64] = np.asarray(classes, np.int64)
    return _sorted(right_probabilities(scores, columns), columns)


def conformity_of(held_out: Sequence[HeldOut]) -> Conformity | None:
    """Learn from splits of the support; None if no split judges an example of a label it has.

    Where no classifier has all labels, those with fewer judge, and labels are not told apart. They
    are a little too sure, as they choose among fewer labels.
    """
    whole = [part for part in held_out if part.has_all_labels]
    probabilities, classes = list[NDArray[np.float64]](), list[NDArray[np.int64]]()
    for part in whole or held_out:
        has_label = part.classes >= 0
        own = part.classes[has_label]
        probabilities.append(right_probabilities(part.outputs.scores[has_label], own))
        classes.append(own if whole else np.full(len(own), -1))
    if not sum(map(len, classes)):
        return None
    return _sorted(np.concatenate(probabilities), np.concatenate(classes))


def right_probabilities(scores: Scores, classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """[n]: the probability of the right label in each row of scores [n, N]."""
    if not len(classes):
        return np.zeros(0)
    result: NDArray[np.float64] = softmax(scores)[np.arange(len(classes)), classes]
    return result


def _sorted(probabilities: NDArray[np.float64], classes: NDArray[np.int64]) -> Conformity:
    order = np.argsort(probabilities, kind="stable")
    return Conformity(probabilities[order], classes[order])


def fewest_examples(coverage: float) -> int:
    """With fewer examples, only the set of all labels has this coverage.

    >>> fewest_examples(0.8), fewest_examples(0.9), fewest_examples(0.95)
    (4, 9, 19)
    """
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def check_coverage(coverage: Any) -> float:
    """The coverage as a number above 0 and below 1; anything else is refused."""
    is_number = isinstance(coverage, (float, np.floating)) and not isinstance(coverage, bool)
    if not is_number or not 0 < coverage < 1:
        raise OptionError(f"coverage={coverage!r}: must be a number above 0 and below 1.")
    return float(coverage)


def _threshold(ascending: NDArray[np.float64], coverage: float) -> float:
    """The probability that at least the share `coverage` reaches, of one example more than these.

    The one of rank ceil((n + 1) * coverage) from above; 0 if there is none.
    """
    count = len(ascending)
    rank = math.ceil((count + 1) * coverage - _ROUNDING)
    return float(ascending[count - rank]) if rank <= count else 0.0
