"""Scores of every text by classifiers that did not see it: cross-fitting on vectors."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.vectors import Matrix

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# More folds leave more to learn from. (Texts up to here, folds.) Chosen by time: 15,000 texts of
# 150 intents take half a minute on one core.
_FOLDS = ((2_000, 10), (6_000, 5))
_LEAST_FOLDS = 3
# As in `linear`. Its C, and the column of the bias relative to the length of a row.
_C = 30.0
_CONSTANT = 0.3
# Of scikit-learn, for its mean loss. `linear` is fitted to 3e-7, which takes five times as long
# and changes accuracy by 0.3 points at most.
_TOLERANCE, _STEPS = 1e-3, 60


def folds_for(count: int) -> int:
    """The number of folds for so many texts.

    >>> folds_for(100), folds_for(15_000)
    (10, 3)
    """
    return next((folds for limit, folds in _FOLDS if count <= limit), _LEAST_FOLDS)


def deal_folds(classes: Integers, groups: Integers, folds: int, seed: int) -> Integers:
    """The fold of each text; -1 for texts that are always learned from.

    Each class is spread over the folds. Texts of one group, near-duplicates, stay together, because
    a text that is nearly in the training part is not held out. A class that has one group alone is
    never held out.

    >>> int(deal_folds(np.array([0, 0, 1]), np.array([0, 1, 2]), 5, seed=0)[2])
    -1
    """
    generator = np.random.default_rng(seed)
    fold_of_group: dict[int, int] = {}
    fold = np.full(len(classes), -1)
    for c in np.unique(classes):
        rows = generator.permutation(np.flatnonzero(classes == c))
        own_groups = list(dict.fromkeys(groups[rows].tolist()))
        if len(own_groups) == 1:
            continue
        start = int(generator.integers(folds))
        for i, group in enumerate(g for g in own_groups if g not in fold_of_group):
            fold_of_group[group] = (start + i) % folds
        fold[rows] = [fold_of_group[group] for group in groups[rows].tolist()]
        if len(np.unique(fold[rows])) == 1:  # a class must never be missing from what is learned
            fold[rows] = -1
    return fold


@dataclass(frozen=True)
class CrossFit:
    """Calibrated log-probabilities [n, N] of texts by classifiers that did not see them."""

    log_probabilities: Floats
    classes: Integers
    held_out: NDArray[np.bool_]  # [n]; other rows are zeros

    @cached_property
    def predicted(self) -> Integers:
        """[n]: the most probable class; that of the label where a text was never held out."""
        best: Integers = self.log_probabilities.argmax(1)
        return np.where(self.held_out, best, self.classes)

    @cached_property
    def of_label(self) -> Floats:
        """[n]: the log-probability of a text's own label."""
        own: Floats = self.log_probabilities[np.arange(len(self.classes)), self.classes]
        return own

    @cached_property
    def of_best_other(self) -> Floats:
        """[n]: the highest log-probability among the other labels."""
        others = self.log_probabilities.copy()
        others[np.arange(len(self.classes)), self.classes] = -np.inf
        highest: Floats = others.max(1)
        return highest

    @cached_property
    def is_right(self) -> NDArray[np.bool_]:
        """[n]: whether the most probable class is that of the label."""
        return self.predicted == self.classes


def cross_fit(
    vectors: Matrix,
    classes: Integers,
    fold: Integers,
    *,
    names: tuple[Matrix, Integers] | None = None,
    weights: Floats | None = None,
    share: float = 1.0,
    seed: int = 0,
) -> CrossFit:
    """Logistic regression for each fold, as `linear`, on the other folds.

    All classes from 0 to the highest must have texts. `names` are the vectors of label texts and
    their classes, which every fold learns from. `share` is the part of each class to learn from, at
    least one text.
    """
    from fsl_nlp.decision.probabilities import fit_temperature

    count = int(classes.max()) + 1
    weights = np.ones(len(classes)) if weights is None else weights
    name_vectors, name_classes = names or (vectors[:0], classes[:0])
    held_out = fold >= 0
    scores = np.zeros((len(classes), count))
    generator = np.random.default_rng(seed)
    for f in np.unique(fold[held_out]):
        training = np.flatnonzero(fold != f)
        if share < 1:
            training = _part(training, classes, share, generator)
        rows = np.flatnonzero(fold == f)
        scores[rows] = _fit(
            np.concatenate([vectors[training], name_vectors]),
            np.concatenate([classes[training], name_classes]),
            np.concatenate([weights[training], np.ones(len(name_classes))]),
            vectors[rows],
        )
    temperature = fit_temperature(scores[held_out], classes[held_out], start=1.0)
    scaled = scores / temperature
    logs = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
    return CrossFit(logs, classes, held_out)


def _part(rows: Integers, classes: Integers, share: float, generator: Any) -> Integers:
    """A random part of the rows of each class, at least one."""
    kept: list[int] = []
    shuffled = generator.permutation(rows)
    for c in np.unique(classes[rows]):
        own = shuffled[classes[shuffled] == c]
        kept += own[: max(1, round(share * len(own)))].tolist()
    return np.array(kept)


def _fit(vectors: Matrix, classes: Integers, weights: Floats, query: Matrix) -> Floats:
    """Log-probabilities [Q, N] of the query; classes have the same weight in sum."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    totals = np.bincount(classes, weights)
    costs = weights / totals[classes] * weights.sum() / len(totals)
    origin = costs @ vectors / costs.sum()
    rows = vectors - origin
    scale = max(_CONSTANT * float(np.sqrt(costs @ np.square(rows).sum(1) / costs.sum())), 1e-6)
    model = LogisticRegression(C=_C * scale**2, max_iter=_STEPS, tol=_TOLERANCE)
    with warnings.catch_warnings():
        # As many classes as texts is usual here, and so many steps are enough.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows / scale, classes, sample_weight=costs)
    logs: Floats = model.predict_log_proba((query - origin) / scale)
    return np.maximum(logs, -50.0)
