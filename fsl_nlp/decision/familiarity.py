"""How much a text looks like anything that a classifier was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.outputs import HeldOut, Outputs
from fsl_nlp.decision.signals import NAMES, Signals, unlike_examples

# Fewer held-out texts than this do not tell the mean and the spread of a signal.
_FEWEST = 5
# The normal prior of the log-odds of `in_scope`, and its weight, in texts at a probability of 1/2
# divided by 4. Where there are many held-out texts it does nothing.
_PRIOR_SLOPE, _PRIOR_INTERCEPT, _PRIOR_WEIGHT = 2.5, 2.0, 1.0
_CONTRAST, _OUTSIDERS = NAMES.index("contrast"), NAMES.index("outsiders")
_LEAST_SPREAD = 0.05  # of the response to outsiders, which is about 1 at an outsider
_STEPS = 50  # of Newton's method, which needs about ten


@dataclass(frozen=True)
class Familiarity:
    """One score out of the signals: their mean, each in standard deviations of in-scope questions.

    Most questions that the classifier was not trained on but should answer are between -1 and 1.
    The contrast to outsiders counts only where it is lower than for most questions: it tells far
    texts from questions better than the other signals, but texts of an unknown intent worse.

    An unweighted sum was as good on BANKING77, CLINC150, SMP2017 and the shipped samples as weights
    that a logistic regression learned from the support: in-scope questions against intents held
    out.
    """

    signals: Signals
    centre: NDArray[np.float64]  # [S]: the mean of each signal over in-scope questions
    spread: NDArray[np.float64]  # [S]: its standard deviation
    slope: float
    intercept: float

    def score(self, outputs: Outputs) -> NDArray[np.float64]:
        """[q]: higher is more familiar."""
        return _mean(self.standardised(outputs))

    def standardised(self, outputs: Outputs) -> NDArray[np.float64]:
        """[q, S]: the signals of `NAMES`, whose mean is the score."""
        return _standardise(self.signals.measure(outputs), self.centre, self.spread)

    def in_scope(self, outputs: Outputs) -> NDArray[np.float64]:
        """[q]: the probability that a text belongs to one of the labels.

        It holds where half of the texts do. The others are held to be like texts of an intent that
        the classifier was not trained on; anything further away gets a lower probability still.
        """
        return self.probability(self.score(outputs))

    def probability(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """[q]: `in_scope` of texts with these scores."""
        exponent = np.clip(self.slope * score + self.intercept, -700, 700)
        result: NDArray[np.float64] = 1 / (1 + np.exp(-exponent))
        return result

    def with_support(
        self,
        support_vectors: NDArray[np.floating[Any]],
        support_classes: NDArray[np.int64],
        *,
        generic: NDArray[np.floating[Any]] | None = None,
        outsiders: NDArray[np.floating[Any]] | None = None,
    ) -> Familiarity:
        """The same sum of the signals of another support set; arguments as `fit_familiarity`."""
        signals = _fit_signals(support_vectors, support_classes, generic, outsiders)
        return replace(self, signals=signals)

    def score_at(self, probability: float) -> float:
        """The score with this probability of `in_scope`; -inf if the score does not tell."""
        if self.slope <= 0:
            return -np.inf
        log_odds = np.log(probability / (1 - probability))
        return float((log_odds - self.intercept) / self.slope)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and JSON settings for `restore`."""
        arrays, settings = self.signals.state()
        arrays |= {"centre": self.centre, "spread": self.spread}
        return arrays, settings | {"slope": self.slope, "intercept": self.intercept}

    @classmethod
    def restore(
        cls, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]
    ) -> Familiarity:
        """The familiarity that `state` described."""
        settings = dict(settings)
        slope, intercept = settings.pop("slope"), settings.pop("intercept")
        signals = Signals.restore(arrays, settings)
        return cls(signals, arrays["centre"], arrays["spread"], slope, intercept)


def fit_familiarity(
    support_vectors: NDArray[np.floating[Any]],
    support_classes: NDArray[np.int64],
    held_out: Sequence[HeldOut],
    *,
    generic: NDArray[np.floating[Any]] | None = None,
    outsiders: NDArray[np.floating[Any]] | None = None,
) -> tuple[Familiarity, list[NDArray[np.float64]]]:
    """A familiarity from the support, and the scores of the texts of each split of `held_out`.

    The held-out texts are measured against what the classifier of their split was fitted on. True
    questions among them give the centre and the spread of each signal. Their scores in the result
    are what to choose a threshold by: those with a class are questions that the classifier did not
    see, those with class -1 pseudo-outsiders. With fewer than 5 in-scope questions among them the
    score still orders texts, but its zero means nothing.

    `outsiders` [o, D] are the vectors of texts that belong to no label. `generic` [g, D] are those
    of texts that any chatbot may get and few are made for; those that look like an example are left
    out.
    """
    signals = _fit_signals(support_vectors, support_classes, generic, outsiders)
    measured = [
        _fit_signals(
            split.support_vectors, split.support_classes, split.generic, split.outsiders
        ).measure(split.outputs)
        for split in held_out
    ]
    rows = np.concatenate([np.zeros((0, len(NAMES))), *measured])
    classes = np.concatenate([np.zeros(0, np.int64), *(split.classes for split in held_out)])
    questions = rows[classes >= 0]
    centre, spread = _centre_and_spread(questions if len(questions) >= _FEWEST else rows)
    spread[_OUTSIDERS] = max(spread[_OUTSIDERS], _LEAST_SPREAD)
    scores = [_mean(_standardise(part, centre, spread)) for part in measured]
    joined = np.concatenate([np.zeros(0), *scores])
    slope, intercept = _fit_logistic(joined[classes >= 0], joined[classes < 0])
    return Familiarity(signals, centre, spread, slope, intercept), scores


def _fit_signals(
    vectors: NDArray[np.floating[Any]],
    classes: NDArray[np.int64],
    generic: NDArray[np.floating[Any]] | None,
    outsiders: NDArray[np.floating[Any]] | None,
) -> Signals:
    if generic is not None:
        generic = generic[unlike_examples(generic, vectors, classes)]
    return Signals.fit(vectors, classes, outsiders, generic)


def _standardise(
    measured: NDArray[np.float64], centre: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[q, S]: in standard deviations from the mean.

    Of the contrast and of the outsiders only what is below -1 counts.
    """
    result = (measured - centre) / spread
    for column in (_CONTRAST, _OUTSIDERS):
        result[:, column] = np.minimum(result[:, column] + 1, 0)
    return result


def _mean(standardised: NDArray[np.float64]) -> NDArray[np.float64]:
    """[q]: the mean of the signals; the one of outsiders is on top, for there may be none."""
    result: NDArray[np.float64] = standardised.sum(1) / (len(NAMES) - 1)
    return result


def _centre_and_spread(
    rows: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean and the standard deviation of each column; 0 and 1 where there are none."""
    if len(rows) < 2:
        return np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    deviation = rows.std(0)
    return rows.mean(0), np.where(deviation > 1e-9, deviation, 1.0)


def _fit_logistic(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and intercept of the log-odds of being inside, where both kinds are equally likely.

    The most probable ones given the scores, with a normal prior, by Newton's method.
    """
    prior = np.array([_PRIOR_SLOPE, _PRIOR_INTERCEPT])
    if not len(inside) or not len(outside):
        return _PRIOR_SLOPE, _PRIOR_INTERCEPT
    fewest = min(len(inside), len(outside))
    weights = np.repeat([fewest / len(inside), fewest / len(outside)], [len(inside), len(outside)])
    targets = np.repeat([1.0, 0.0], [len(inside), len(outside)])
    design = np.stack([np.concatenate([inside, outside]), np.ones(len(targets))], axis=1)
    solution = prior.copy()
    for _ in range(_STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(design @ solution, -30, 30)))
        gradient = design.T @ (weights * (probabilities - targets))
        gradient += _PRIOR_WEIGHT * (solution - prior)
        curvature = weights * probabilities * (1 - probabilities)
        hessian = design.T @ (design * curvature[:, None]) + _PRIOR_WEIGHT * np.eye(2)
        solution -= np.clip(np.linalg.solve(hessian, gradient), -1, 1)
    return float(solution[0]), float(solution[1])
