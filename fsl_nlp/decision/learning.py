"""Learning a decision from what held-out examples show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.expectation import Expectation
from fsl_nlp.decision.familiarity import Familiarity, fit_familiarity
from fsl_nlp.decision.label_sets import conformity_of
from fsl_nlp.decision.outputs import HeldOut, Outputs
from fsl_nlp.decision.policy import Decision
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.decision.targets import Targets
from fsl_nlp.intervals import Share
from fsl_nlp.vectors import Matrix

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

_FEWEST = 3  # values for a normal prediction interval
# Where few questions were held out, a text that is in scope with less than this is turned away.
_UNLIKELY = 0.1


@dataclass(frozen=True)
class Reference:
    """What a classifier was fitted on: vectors [m, D] and their classes [m].

    `generic` [g, D] are vectors of texts that any chatbot may get and few are made for. `outsiders`
    [o, D] are those of texts that are known to be out of scope.
    """

    vectors: Matrix
    classes: NDArray[np.int64]
    generic: Matrix | None = None
    outsiders: Matrix | None = None


def learn_decision(
    reference: Reference, held_out: Sequence[HeldOut], targets: Targets
) -> Decision | None:
    """The decision of a classifier, from its reference and from splits of its support.

    None if no in-scope question was held out.
    """
    if not any((part.classes >= 0).any() for part in held_out):
        return None
    familiarity, scores = fit_familiarity(
        reference.vectors,
        reference.classes,
        held_out,
        generic=reference.generic,
        outsiders=reference.outsiders,
    )
    cases = [
        _case(familiarity, part_scores, part.outputs, part.classes)
        for part, part_scores in zip(held_out, scores, strict=True)
    ]
    # A question is judged by a classifier with all labels, if one of those did not see it.
    whole = [case for case in cases if case.inside.all()] or cases
    inside = _joined([case[case.inside] for case in whole])
    outside = _joined([case[~case.inside] for case in cases])
    decision = _with_thresholds(Decision(familiarity), inside, targets)
    expected = _expectation(decision, inside, outside)
    return replace(decision, expected=expected, conformity=conformity_of(held_out))


@dataclass(frozen=True)
class _Cases:
    """Held-out examples: their familiarity and certainty, whether they are in-scope questions, and
    whether their label is right."""

    familiarity: Numbers
    certainty: Numbers
    inside: Flags
    right: Flags

    def __getitem__(self, rows: Flags) -> _Cases:
        return _Cases(
            self.familiarity[rows], self.certainty[rows], self.inside[rows], self.right[rows]
        )

    def answered_by(self, decision: Decision) -> Flags:
        return (self.familiarity >= decision.least_familiarity) & (
            self.certainty >= decision.least_certainty
        )


def _case(
    familiarity: Familiarity, scores: Numbers, outputs: Outputs, classes: NDArray[np.int64]
) -> _Cases:
    """Examples with these familiarity scores; their classes are -1 for outsiders."""
    if not len(outputs):
        return _Cases(np.zeros(0), np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))
    certainty = softmax(outputs.scores).max(1) * familiarity.probability(scores)
    return _Cases(scores, certainty, classes >= 0, outputs.scores.argmax(1) == classes)


def _joined(cases: Sequence[_Cases]) -> _Cases:
    columns = zip(*((c.familiarity, c.certainty, c.inside, c.right) for c in cases), strict=True)
    return _Cases(*map(np.concatenate, columns))


def _with_thresholds(decision: Decision, inside: _Cases, targets: Targets) -> Decision:
    if targets.reject:
        least = low_quantile(inside.familiarity, targets.reject)
        if (len(inside.familiarity) + 1) * targets.reject < 1:  # too few for an order statistic
            least = max(least, decision.familiarity.score_at(_UNLIKELY))
        return replace(decision, least_familiarity=least)
    if targets.coverage is not None:
        least = low_quantile(inside.certainty, 1 - targets.coverage)
        return replace(decision, least_certainty=max(0.0, least))
    if targets.precision is not None:
        least = certainty_for(inside.certainty, inside.right, targets.precision)
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


def certainty_for(certainty: Numbers, right: Flags, precision: float) -> float:
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


def _expectation(decision: Decision, inside: _Cases, outside: _Cases) -> Expectation:
    answered = inside.answered_by(decision)
    turned_away = ~outside.answered_by(decision)
    return Expectation(
        answered=Share.of(int(answered.sum()), len(answered)),
        accuracy=Share.of(int(inside.right[answered].sum()), int(answered.sum())),
        accuracy_of_all=Share.of(int(inside.right.sum()), len(answered)),
        caught=Share.of(int(turned_away.sum()), len(turned_away)) if len(turned_away) else None,
    )
