"""Intervals of 95% hold the truth 95 times in 100, near 100% and for few values, too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest
from scipy.stats import t as student

from fsl_nlp.intervals import (
    Share,
    half_width_of_difference,
    half_width_of_mean,
    interval_of_mean,
    interval_of_share,
)

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]
QUERIES = 25  # of an episode


def equally_hard(accuracy: float) -> Draw:
    return lambda rng, count: rng.binomial(QUERIES, accuracy, count) / QUERIES


def differently_hard(accuracy: float, concentration: float) -> Draw:
    a, b = accuracy * concentration, (1 - accuracy) * concentration
    return lambda rng, count: rng.binomial(QUERIES, rng.beta(a, b, count)) / QUERIES


def all_or_nothing(accuracy: float) -> Draw:
    return lambda rng, count: (rng.random(count) < accuracy).astype(float)


def coverage(draw: Draw, accuracy: float, count: int, runs: int = 1000) -> float:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(runs):
        values = draw(rng, count)
        low, high = interval_of_mean(float(values.mean()), float(values.var(ddof=1)), count)
        held += low <= accuracy <= high
    return held / runs


@pytest.mark.parametrize("count", [3, 5, 30, 200])
@pytest.mark.parametrize(
    ("draw", "accuracy"),
    [
        (equally_hard(0.7), 0.7),
        (differently_hard(0.7, 15), 0.7),
        (equally_hard(0.97), 0.97),
        (equally_hard(0.999), 0.999),
        (all_or_nothing(0.97), 0.97),
    ],
)
def test_intervals_of_episodes_hold_the_truth(draw: Draw, accuracy: float, count: int) -> None:
    """1.96 standard errors hold it in 80% of 3 episodes at 0.7, in 8% at 0.999."""
    assert coverage(draw, accuracy, count) >= 0.92


@pytest.mark.parametrize(("count", "least"), [(5, 0.97), (30, 0.90), (200, 0.92)])
def test_few_hard_episodes(count: int, least: float) -> None:
    """1.96 standard errors: 70%, 87% and 94%."""
    assert coverage(differently_hard(0.97, 10), 0.97, count) >= least


@pytest.mark.parametrize(("count", "least"), [(5, 0.92), (30, 0.85), (200, 0.92)])
def test_rare_hard_episodes_are_the_worst_case(count: int, least: float) -> None:
    """Four of five episodes are perfect, few are bad. 1.96 standard errors: 49%, 79% and 92%."""
    assert coverage(differently_hard(0.99, 10), 0.99, count) >= least


@pytest.mark.parametrize("count", [3, 5, 30])
def test_intervals_of_differences_hold_the_truth(count: int) -> None:
    """1.96 standard errors: 80%, 88% and 94%."""
    rng = np.random.default_rng(1)
    gaps = rng.normal(0.02, 0.1, (2000, count))
    held = [abs(row.mean() - 0.02) <= half_width_of_difference(row.tolist()) for row in gaps]
    assert 0.935 <= np.mean(held) <= 0.965


@pytest.mark.parametrize("hits", [0, 1, 20, 39, 40])
def test_shares_have_wilsons_interval(hits: int) -> None:
    exact = binomtest(hits, 40).proportion_ci(method="wilson")
    assert interval_of_share(hits, 40) == pytest.approx((exact.low, exact.high))
    share = Share.of(hits, 40)
    assert (share.low, share.high) == interval_of_share(hits, 40)


def test_episodes_of_one_query_have_the_interval_of_a_share() -> None:
    values = np.array([1.0] * 380 + [0.0] * 20)
    ends = interval_of_mean(0.95, float(values.var()), 400)
    assert ends == pytest.approx(interval_of_share(380, 400), abs=5e-4)


def test_one_value_has_no_interval() -> None:
    assert np.isnan(interval_of_mean(0.8, float("nan"), 1)).all()
    assert np.isnan(half_width_of_difference([0.1]))


def test_equal_values_leave_room_for_others() -> None:
    low, high = interval_of_mean(0.8, 0.0, 50)
    assert 0.7 < low < 0.8 < high < 0.83
    assert interval_of_mean(1.0, 0.0, 50)[1] == 1.0
    assert 0 < half_width_of_difference([0.0] * 50) < 0.08


@pytest.mark.parametrize("count", [2, 3, 5, 30])
def test_half_widths_are_students(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    low, high = student.interval(
        0.95, count - 1, values.mean(), values.std(ddof=1) / np.sqrt(count)
    )
    width = half_width_of_mean(float(values.std(ddof=1)), count)
    assert width == pytest.approx((high - low) / 2)
    assert half_width_of_difference(values.tolist()) == pytest.approx(width)
