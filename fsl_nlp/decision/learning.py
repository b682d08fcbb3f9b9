"""Learning a decision from what held-out examples show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.expectation import Expectation, Share
from fsl_nlp.decision.familiarity import Familiarity, fit_familiarity
from fsl_nlp.decision.label_sets import conformity_of
from fsl_nlp.decision.policy import Decision
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.decision.shown import HeldOut, Shown
from fsl_nlp.decision.targets import Targets
from fsl_nlp.vectors import Matrix

Numbers = NDArray[np.float64]

_FEWEST = 3  # values for a normal prediction interval


def learn_decision(
    vectors: Matrix,
    classes: NDArray[np.int64],
    held_out: Sequence[HeldOut],
    targets: Targets,
    outsiders: Shown | None = None,
) -> Decision | None:
    """The decision of a classifier that was fitted on `vectors` [n, D] of these `classes` [n].

    `held_out` are splits of the support; `outsiders` is what the classifier shows of texts that are
    known to be out of scope. None if no true question was held out.
    """
    if not any((part.classes >= 0).any() for part in held_out):
        return None
    decision = Decision(fit_familiarity(vectors, classes, held_out, outsiders))
    true, strange = _cases(decision.familiarity, held_out, outsiders)
    decision = _with_thresholds(decision, true, targets)
    expected = _expectation(decision, true, strange)
    return replace(decision, expected=expected, conformity=conformity_of(held_out))


@dataclass(frozen=True)
class _Cases:
    """Held-out examples: their familiarity, their certainty, and whether their label is right."""

    familiarity: Numbers
    certainty: Numbers
    right: NDArray[np.bool_]

    def answered_by(self, decision: Decision) -> NDArray[np.bool_]:
        return (self.familiarity >= decision.least_familiarity) & (
            self.certainty >= decision.least_certainty
        )


def _cases(
    familiarity: Familiarity, held_out: Sequence[HeldOut], outsiders: Shown | None
) -> tuple[_Cases, _Cases]:
    """The true questions, and the outsiders.

    A question is judged by a classifier with all labels, if there is one that did not see it.
    """
    whole = [part for part in held_out if (part.classes >= 0).all()] or held_out
    true = [_judged(familiarity, part, part.classes >= 0) for part in whole]
    strange = [_judged(familiarity, part, part.classes < 0) for part in held_out]
    if outsiders is not None:
        none = np.full(len(outsiders), -1)
        strange.append(_case(familiarity, outsiders, none))
    return _joined(true), _joined(strange)


def _judged(familiarity: Familiarity, part: HeldOut, rows: NDArray[np.bool_]) -> _Cases:
    """These rows of a split, judged by what was learned without them."""
    fold = familiarity.for_support(part.support_vectors, part.support_classes)
    return _case(fold, part.shown[rows], part.classes[rows])


def _case(familiarity: Familiarity, shown: Shown, classes: NDArray[np.int64]) -> _Cases:
    if not len(shown):
        return _Cases(np.zeros(0), np.zeros(0), np.zeros(0, bool))
    confidence = softmax(shown.scores).max(1)
    return _Cases(
        familiarity.score(shown),
        confidence * familiarity.in_scope(shown),
        shown.scores.argmax(1) == classes,
    )


def _joined(cases: Sequence[_Cases]) -> _Cases:
    columns = zip(*((c.familiarity, c.certainty, c.right) for c in cases), strict=True)
    return _Cases(*map(np.concatenate, columns))


def _with_thresholds(decision: Decision, true: _Cases, targets: Targets) -> Decision:
    if targets.reject:
        return replace(decision, least_familiarity=low_quantile(true.familiarity, targets.reject))
    if targets.coverage is not None:
        least = low_quantile(true.certainty, 1 - targets.coverage)
        return replace(decision, least_certainty=max(0.0, least))
    if targets.precision is not None:
        least = certainty_for(true.certainty, true.right, targets.precision)
        return replace(decision, least_certainty=least)
    return decision


def low_quantile(values: Numbers, share: float) -> float:
    """The number below which a new value of the same kind is in this share of cases.

    It is an order statistic. Where there are too few values for that, it is the bound of a normal
    prediction interval, at most the least value; -inf for fewer than three.

    >>> low_quantile(np.arange(99.0), 0.05)
    4.0
    """
    if share <= 0:
        return -np.inf
    ordered = np.sort(values)
    count = len(ordered)
    rank = int(share * (count + 1))
    if rank >= 1:
        return float(ordered[min(rank, count) - 1])
    if count < _FEWEST:
        return -np.inf
    from scipy.stats import t

    spread = ordered.std(ddof=1) * (1 + 1 / count) ** 0.5
    bound = ordered.mean() + float(t.ppf(share, count - 1)) * spread
    return float(min(bound, ordered[0]))


def certainty_for(certainty: Numbers, right: NDArray[np.bool_], precision: float) -> float:
    """The least certainty with which this share of the answers is right.

    If no certainty gives so many, it is the one that gives most.

    >>> certainty_for(np.array([0.9, 0.8, 0.5]), np.array([True, True, False]), 0.9)
    0.8
    """
    order = np.argsort(-certainty, kind="stable")
    shares = right[order].cumsum() / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(shares >= precision)
    last = enough[-1] if len(enough) else int(shares.argmax())
    return 0.0 if last == len(order) - 1 else float(certainty[order[last]])


def _expectation(decision: Decision, true: _Cases, strange: _Cases) -> Expectation:
    answered = true.answered_by(decision)
    turned_away = ~strange.answered_by(decision)
    return Expectation(
        answered=Share.of(int(answered.sum()), len(answered)),
        accuracy=Share.of(int(true.right[answered].sum()), int(answered.sum())),
        accuracy_of_all=Share.of(int(true.right.sum()), len(answered)),
        caught=Share.of(int(turned_away.sum()), len(turned_away)) if len(turned_away) else None,
    )
