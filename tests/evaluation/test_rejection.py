"""Figures of rejection against scikit-learn, scipy and loops."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from fsl_nlp.errors import DataError
from fsl_nlp.evaluation.rejection import (
    accuracy_at_coverage,
    area_under_risk_coverage,
    auroc,
    auroc_interval,
    false_positive_rate,
)
from fsl_nlp.intervals import wilson

Values = NDArray[np.float64]


def drawn(seed: int, *, ties: bool) -> tuple[Values, Values]:
    """Scores of 90 questions and of 60 outsiders; with ties, rounded to a tenth."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.8, 0.6, 90), rng.normal(0.0, 0.6, 60)
    return scores if not ties else (scores[0].round(1), scores[1].round(1))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_auroc_and_false_positives_are_scikit_learns(seed: int, ties: bool) -> None:
    inside, outside = drawn(seed, ties=ties)
    is_inside = np.arange(150) < 90
    scores = np.concatenate([inside, outside])
    assert auroc(inside, outside) == pytest.approx(roc_auc_score(is_inside, scores))
    false, true, _ = roc_curve(is_inside, scores, drop_intermediate=False)
    for recall in (0.5, 0.9, 0.95, 1.0):
        expected = false[true >= recall - 1e-12].min()
        assert false_positive_rate(inside, outside, recall) == pytest.approx(expected)


@pytest.mark.parametrize("ties", [False, True])
def test_the_interval_of_auroc_is_delongs(ties: bool) -> None:
    """The formula as DeLong et al. write it, with a loop over pairs."""
    inside, outside = drawn(0, ties=ties)
    wins = np.array([[(x > y) + 0.5 * (x == y) for y in outside] for x in inside])
    variance = wins.mean(1).var(ddof=1) / 90 + wins.mean(0).var(ddof=1) / 60
    area = auroc(inside, outside)
    expected = wilson(area, area * (1 - area) / variance)
    assert auroc_interval(inside, outside) == pytest.approx(expected)
    width = expected[1] - expected[0]
    assert width == pytest.approx(2 * 1.959964 * variance**0.5, rel=0.05)


def test_nineteen_intervals_of_twenty_hold_the_true_auroc() -> None:
    """Of two normal distributions 0.8 apart with sd 0.6: Phi(0.8 / (0.6 * sqrt 2)) = 0.8271."""
    held = 0
    for seed in range(300):
        scores = drawn(seed + 100, ties=False)
        low, high = auroc_interval(*scores)
        held += low <= 0.8271 <= high
    assert 275 <= held <= 297


def test_a_perfect_and_a_useless_score() -> None:
    high, low = np.array([0.8, 0.9]), np.array([0.1, 0.2, 0.3])
    assert (auroc(high, low), auroc(low, high), auroc(low, low)) == (1.0, 0.0, 0.5)
    assert (false_positive_rate(high, low), false_positive_rate(low, high)) == (0.0, 1.0)
    assert auroc_interval(high, low) == (pytest.approx(0.3424, abs=1e-4), 1.0)  # as 2 of 2
    assert np.isnan(auroc_interval(high[:1], low)).all()


def test_coverage_by_hand() -> None:
    """From the top: right, right, wrong, right, wrong. Errors of the first k: 0, 0, 1/3, 1/4,
    2/5; their mean is 0.19667."""
    score = np.array([0.5, 0.9, 0.1, 0.7, 0.3])
    correct = np.array([False, True, False, True, True])
    accuracies = [accuracy_at_coverage(score, correct, c) for c in (0.2, 0.4, 0.6, 0.8, 1.0)]
    assert accuracies == pytest.approx([1, 1, 2 / 3, 3 / 4, 3 / 5])
    assert accuracy_at_coverage(score, correct, 0.41) == pytest.approx(2 / 3)  # at least so many
    assert area_under_risk_coverage(score, correct) == pytest.approx(0.19667, abs=1e-5)


def test_ties_are_the_mean_over_their_orders() -> None:
    score = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    correct = np.array([True, True, False, False, True])
    orders = [correct[[0, *order, 4]] for order in permutations([1, 2, 3])]
    hits = np.mean([np.cumsum(order) for order in orders], axis=0)
    expected = hits / np.arange(1, 6)
    accuracies = [accuracy_at_coverage(score, correct, k / 5) for k in range(1, 6)]
    np.testing.assert_allclose(accuracies, expected)
    assert area_under_risk_coverage(score, correct) == pytest.approx(1 - expected.mean())
    shuffled = np.array([3, 1, 4, 0, 2])
    again = area_under_risk_coverage(score[shuffled], correct[shuffled])
    assert again == pytest.approx(1 - expected.mean())


def test_no_texts_are_refused() -> None:
    some, none = np.array([0.5]), np.array([])
    for function in (auroc, false_positive_rate):
        for texts in ((some, none), (none, some)):
            with pytest.raises(DataError, match="at least one text in scope and one outsider"):
                function(*texts)
    with pytest.raises(DataError, match="no texts to score"):
        area_under_risk_coverage(none, none.astype(bool))
