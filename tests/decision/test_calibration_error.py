"""The expected calibration error against a loop, and its interval against simulated truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from fsl_nlp.decision.calibration_error import (
    calibration_error_interval,
    expected_calibration_error,
)
from fsl_nlp.errors import DataError


def drawn(count: int, excess: float, seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidences that are higher than the chance to be right by `excess`."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.4, 1.0, count)
    return confidence, rng.random(count) < confidence - excess


@pytest.mark.parametrize(("count", "bins"), [(150, 15), (157, 15), (7, 15), (100, 1)])
def test_the_error_is_the_mean_gap_of_bins_of_equal_mass(count: int, bins: int) -> None:
    confidence, correct = drawn(count, 0.1, seed=count)
    order = np.argsort(confidence)
    edges = [int(count * i / min(bins, count)) for i in range(min(bins, count) + 1)]
    total = 0.0
    for start, end in itertools.pairwise(edges):
        rows = order[start:end]
        total += abs(confidence[rows].mean() - correct[rows].mean()) * len(rows)
    error = expected_calibration_error(confidence, correct, bins)
    assert error == pytest.approx(total / count)


def test_the_order_of_the_texts_changes_nothing() -> None:
    """All have the same confidence, so in each bin half are right, in whichever order they come."""
    confidence, correct = np.full(60, 0.8), np.arange(60) < 30
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.3)
    assert expected_calibration_error(confidence, correct[::-1]) == pytest.approx(0.3)
    low, high = calibration_error_interval(confidence, correct)
    assert low < 0.3 < high


def test_right_and_sure_has_no_error() -> None:
    assert expected_calibration_error(np.ones(20), np.ones(20, dtype=bool)) == 0
    assert calibration_error_interval(np.ones(20), np.ones(20, dtype=bool)) == (0, 0)


def test_most_intervals_hold_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsl_nlp.decision.calibration_error.RESAMPLES", 100)
    held = 0
    for seed in range(60):
        low, high = calibration_error_interval(*drawn(800, 0.1, seed))
        held += low <= 0.1 <= high
    assert 50 <= held < 60
    confidence, correct = drawn(800, 0.1, 0)
    whole = calibration_error_interval(confidence, correct, bins=1)
    assert whole[1] - whole[0] == pytest.approx(4 * 0.45 / 800**0.5, rel=0.25)  # 4 standard errors


def test_the_seed_decides_the_interval() -> None:
    texts = drawn(100, 0.1, 0)
    assert calibration_error_interval(*texts, seed=1) == calibration_error_interval(*texts, seed=1)
    assert calibration_error_interval(*texts, seed=1) != calibration_error_interval(*texts, seed=2)


def test_too_few_texts() -> None:
    one = np.array([0.5]), np.array([True])
    assert expected_calibration_error(*one) == 0.5
    assert np.isnan(calibration_error_interval(*one)).all()
    with pytest.raises(DataError, match="no texts to score"):
        expected_calibration_error(np.array([]), np.array([], dtype=bool))
