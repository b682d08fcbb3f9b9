"""Labels against held-out scores: texts that are likely mislabelled, intents that cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.linting.crossfit import CrossFit, Floats, Integers
from fsl_nlp.linting.findings import ConfusablePair, MergeableIntents, Mislabel, Sentence
from fsl_nlp.types import Label

# The probability of a wrong label is the logistic function of _SLOPE * score + _INTERCEPT, with
# score = 2 log p(label) - log p(best other label). Both were fitted on 5% of planted wrong labels
# in training files of BANKING77 and SMP2017 (recipes/lint.py fit).
_SLOPE, _INTERCEPT = -0.7, -5.5
LIKELY = 0.5
# Two intents are one where so many of their texts are nearer to the other. Random halves of one
# intent have 0.28 to 0.6, the nearest two intents of BANKING77 and SMP2017 0.3 at most.
_SAME = 0.35
_ENOUGH = 5  # texts of an intent, to say that it is the same as another
# At least so many texts of a pair, and such a share of them; or many, whatever their share.
_CROSSING, _CROSSING_RATE = 2, 0.1
_MANY_CROSSING = 5


def mislabel_scores(fitted: CrossFit) -> Floats:
    """[n]: low where the label is doubtful: 2 log p(label) - log p(best other label)."""
    return 2 * fitted.of_label - fitted.of_best_other


def mislabel_probabilities(fitted: CrossFit) -> Floats:
    """[n]: the probability that each label is wrong; 0 for texts that were never held out."""
    logit = _SLOPE * mislabel_scores(fitted) + _INTERCEPT
    probability: Floats = 1 / (1 + np.exp(-np.clip(logit, -50, 50)))
    return np.where(fitted.held_out, probability, 0.0)


def trust(fitted: CrossFit) -> Floats:
    """[n]: weights for a second fit that learns little from doubtful labels.

    A text counts half where another label is e^2 times as probable as its own.
    """
    margin = fitted.of_label - fitted.of_best_other
    weight: Floats = 1 / (1 + np.exp(-np.clip(margin + 2, -50, 50)))
    return np.where(fitted.held_out, np.maximum(weight, 1e-3), 1.0)


def find_mislabels(
    fitted: CrossFit, sentences: Sequence[Sentence], labels: Sequence[Label]
) -> list[Mislabel]:
    """The texts whose label is more probably wrong than right, the surest first."""
    probabilities = mislabel_probabilities(fitted)
    rows = np.flatnonzero((probabilities > LIKELY) & ~fitted.is_right).tolist()
    found = []
    for i in sorted(rows, key=lambda i: (-probabilities[i], i)):
        sentence = replace(sentences[i], predicted=labels[fitted.predicted[i]])
        both = (sentence.label, labels[fitted.predicted[i]])
        probability = float(probabilities[i])
        found.append(Mislabel((sentence,), both, probability, probability))
    return found


def find_pairs(
    fitted: CrossFit, sentences: Sequence[Sentence], labels: Sequence[Label]
) -> list[ConfusablePair | MergeableIntents]:
    """Pairs of intents whose texts cross, with those texts."""
    found: list[ConfusablePair | MergeableIntents] = []
    sizes = np.bincount(fitted.classes[fitted.held_out], minlength=len(labels))
    preferred = _preferred(fitted, len(labels))
    crossing = _crossing(fitted)
    for first, second in _candidates(crossing, preferred, sizes):
        rows = crossing.get((first, second), [])
        both = (labels[first], labels[second])
        ordered = sorted(rows, key=lambda i: fitted.of_label[i])
        texts = tuple(sentences[i] for i in ordered)
        mean = float(preferred[first, second] + preferred[second, first]) / 2
        rate = len(rows) / int(sizes[first] + sizes[second])
        harm = float(len(rows))
        if mean >= _SAME and min(sizes[first], sizes[second]) >= _ENOUGH:
            found.append(MergeableIntents(texts, both, harm, mean))
        elif len(rows) >= (_CROSSING if rate >= _CROSSING_RATE else _MANY_CROSSING):
            found.append(ConfusablePair(texts, both, harm, rate))
    return found


def _candidates(
    crossing: dict[tuple[int, int], list[int]], preferred: Floats, sizes: Integers
) -> list[tuple[int, int]]:
    alike = np.triu(preferred + preferred.T >= 2 * _SAME, 1)
    pairs = {(int(a), int(b)) for a, b in np.argwhere(alike)}
    return sorted(pairs | {pair for pair, rows in crossing.items() if len(rows) >= _CROSSING})


def _crossing(fitted: CrossFit) -> dict[tuple[int, int], list[int]]:
    """The rows whose most probable class is another, by the pair of classes."""
    rows: dict[tuple[int, int], list[int]] = {}
    for i in np.flatnonzero(~fitted.is_right).tolist():
        own, other = int(fitted.classes[i]), int(fitted.predicted[i])
        rows.setdefault((min(own, other), max(own, other)), []).append(i)
    return rows


def _preferred(fitted: CrossFit, count: int) -> Floats:
    """[N, N]: the share of the texts of a row's class that are nearer to the column's class."""
    shares = np.zeros((count, count))
    for c in range(count):
        own: NDArray[np.bool_] = fitted.held_out & (fitted.classes == c)
        if own.any():
            logs = fitted.log_probabilities[own]
            shares[c] = (logs > logs[:, [c]]).mean(0)
    return shares
