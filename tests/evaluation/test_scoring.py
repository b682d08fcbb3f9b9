"""Accuracy, macro-F1 and their intervals against scikit-learn, scipy and repeated sampling."""

from __future__ import annotations

import json
import re
import tracemalloc

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from sklearn.metrics import accuracy_score, f1_score

from fsl_nlp.errors import DataError
from fsl_nlp.evaluation.scoring import Confusion, LabelScore, score_predictions
from fsl_nlp.intervals import interval_of_share
from fsl_nlp.types import Label

LABELS: list[Label] = ["a", "b", 3, "never seen"]


def drawn(count: int, right: float, seed: int = 0) -> tuple[list[Label], list[Label]]:
    """Targets among the first three labels; predictions that are right so often."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(3, count, p=[0.6, 0.3, 0.1])
    wrong = (targets + rng.integers(1, 4, count)) % 4
    guesses = np.where(rng.random(count) < right, targets, wrong)
    return [LABELS[i] for i in targets], [LABELS[i] for i in guesses]


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_scikit_learns(seed: int) -> None:
    targets, guesses = drawn(80, 0.7, seed)
    score = score_predictions(targets, guesses, LABELS)
    names, guessed = list(map(str, targets)), list(map(str, guesses))
    assert score.count == 80
    assert score.accuracy == pytest.approx(accuracy_score(names, guessed))
    # Over the labels of the targets: a label that is only guessed costs the others precision.
    expected = f1_score(names, guessed, labels=sorted(set(names)), average="macro")
    assert score.macro_f1 == pytest.approx(expected)


def test_the_interval_of_accuracy_is_wilsons() -> None:
    targets, guesses = drawn(200, 0.8)
    score = score_predictions(targets, guesses, LABELS)
    hits = round(score.accuracy * 200)
    exact = binomtest(hits, 200).proportion_ci(method="wilson")
    assert score.accuracy_interval == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(("accuracy", "count", "least"), [(0.97, 40, 0.96), (0.99, 100, 0.92)])
def test_intervals_near_100_percent_hold_the_truth(
    accuracy: float, count: int, least: float
) -> None:
    """Of the binomial distribution, exactly. The bootstrap held it in 70% and 63%."""
    coverage = 0.0
    for hits in range(count + 1):
        low, high = interval_of_share(hits, count)
        coverage += binom.pmf(hits, count, accuracy) * (low <= accuracy <= high)
    assert coverage >= least


def test_all_right_is_no_proof_of_100_percent() -> None:
    score = score_predictions(["a", "b"] * 20, ["a", "b"] * 20, LABELS)
    assert score.accuracy_interval == pytest.approx((0.9124, 1.0), abs=1e-4)
    assert score.macro_f1_interval == score.accuracy_interval


def test_the_interval_of_macro_f1_is_that_of_resampled_f1() -> None:
    targets, guesses = map(np.array, drawn(60, 0.7))
    rng = np.random.default_rng(5)
    resampled = []
    for _ in range(300):
        rows = rng.integers(0, 60, 60)
        true, guess = targets[rows].astype(str), guesses[rows].astype(str)
        resampled.append(f1_score(true, guess, labels=sorted(set(true)), average="macro"))
    score = score_predictions(targets.tolist(), guesses.tolist(), ["a", "b", "3", "never seen"])
    np.testing.assert_allclose(
        score.macro_f1_interval, np.quantile(resampled, [0.025, 0.975]), atol=0.04
    )


def test_nineteen_intervals_of_twenty_hold_the_truth() -> None:
    held = 0
    for seed in range(200):
        targets, guesses = drawn(100, 0.8, seed)
        low, high = score_predictions(targets, guesses, LABELS).accuracy_interval
        held += low <= 0.8 <= high
    assert 180 <= held <= 198


def test_the_seed_decides_the_interval() -> None:
    targets, guesses = drawn(50, 0.7)
    first, again, other = (
        score_predictions(targets, guesses, LABELS, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first.macro_f1_interval != other.macro_f1_interval


def test_the_interval_does_not_depend_on_how_much_is_resampled_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets, guesses = drawn(153, 0.7)
    at_once = score_predictions(targets, guesses, LABELS, seed=3)
    for count in (1, 153 * 7):
        monkeypatch.setattr("fsl_nlp.evaluation.scoring._INDICES_AT_ONCE", count)
        assert score_predictions(targets, guesses, LABELS, seed=3) == at_once


@pytest.mark.slow
def test_a_hundred_thousand_texts_take_little_memory() -> None:
    targets, guesses = drawn(100_000, 0.8)
    tracemalloc.start()
    try:
        score = score_predictions(targets, guesses, LABELS)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100 * 2**20  # bytes
    assert score.count == 100_000
    low, high = score.accuracy_interval
    # The normal approximation: 1.96 standard errors to each side.
    error = (score.accuracy * (1 - score.accuracy) / 100_000) ** 0.5
    assert high - low == pytest.approx(2 * 1.96 * error, rel=1e-3)
    assert low < score.accuracy < high


def test_the_worst_labels_and_confusions_come_first() -> None:
    targets = ["a"] * 4 + ["b"] * 4 + [3] * 2
    guesses = ["b", "b", 3, "a", "b", "b", "b", "b", 3, 3]
    score = score_predictions(targets, guesses, LABELS)
    assert [row.label for row in score.worst] == ["a", "b", 3]
    assert score.worst[0] == LabelScore("a", pytest.approx(0.4), 4)
    assert score.confused == (Confusion("a", "b", 2), Confusion("a", 3, 1))
    short = score_predictions(targets, guesses, LABELS, shown=1)
    assert (short.worst, short.confused) == (score.worst[:1], score.confused[:1])


def test_all_right_leaves_nothing_to_blame() -> None:
    score = score_predictions(["a", "b"], ["a", "b"], LABELS)
    assert (score.accuracy, score.macro_f1, score.worst, score.confused) == (1, 1, (), ())


def test_the_calibration_error_needs_confidences() -> None:
    """Sure of 0.9 and right in 150 of 200: an error of 0.15."""
    targets, guesses = ["a"] * 200, ["a"] * 150 + ["b"] * 50
    score = score_predictions(targets, guesses, LABELS, confidence=np.full(200, 0.9), seed=1)
    assert score.calibration_error == pytest.approx(0.15)
    assert score.calibration_error_interval is not None
    low, high = score.calibration_error_interval
    assert low < 0.15 < high
    assert score.to_dict()["calibration_error_interval"] == [low, high]
    without = score_predictions(targets, guesses, LABELS, seed=1)
    assert without.to_dict()["calibration_error"] is None
    assert (without.accuracy, without.accuracy_interval) == (0.75, score.accuracy_interval)


def test_scores_are_plain_json() -> None:
    score = score_predictions(*drawn(20, 0.5), LABELS)
    assert json.loads(json.dumps(score.to_dict()))["count"] == 20


@pytest.mark.parametrize(
    ("targets", "guesses", "message"),
    [
        (["a", "c"], ["a", "b"], "1 label is unknown to the classifier: 'c'. Train it"),
        (list("cdefghc"), list("aaaaaaa"), "6 labels are unknown to the classifier: 'c', 'd',"),
        (["3"], ["a"], "1 label is unknown to the classifier: '3'."),
        ([None], ["a"], "1 label is unknown to the classifier: None."),
        (["a"], ["z"], "1 label is unknown to the classifier: 'z'."),
        (["a", "b"], ["a"], "There are 2 targets and 1 predictions."),
        ([], [], "There are no texts to score."),
    ],
)
def test_what_cannot_be_scored_is_named(
    targets: list[str], guesses: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        score_predictions(targets, guesses, LABELS)
