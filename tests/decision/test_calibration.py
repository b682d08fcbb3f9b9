"""How confidence was calibrated, and the error of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fsl_nlp.decision.calibration import (
    ENOUGH,
    Calibration,
    calibrate,
    calibration_error,
    calibration_interval,
)


def drawn(count: int, excess: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two labels, and targets that agree with them less by `excess`."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.6, 1, count)
    targets = np.where(rng.uniform(size=count) < confidence - excess, 0, 1)
    return np.stack([confidence, 1 - confidence], 1), targets


def test_the_error_by_hand() -> None:
    # Two bins of twenty: confidence 0.6 where half are right, and 0.9 where all are.
    probabilities = np.repeat([[0.6, 0.4], [0.9, 0.1]], 20, axis=0)
    targets = np.array([0, 1] * 10 + [0] * 20)
    assert calibration_error(probabilities, targets) == pytest.approx((0.1 + 0.1) / 2)
    # In one bin over- and underconfidence cancel.
    assert calibration_error(probabilities, targets, bins=1) == pytest.approx(0)
    assert calibration_error(probabilities[:0], targets[:0]) == 0


def test_the_error_is_near_0_where_confidence_is_right() -> None:
    assert calibration_error(*drawn(20_000)) < 0.01
    assert calibration_error(*drawn(20_000, 0.1)) == pytest.approx(0.1, abs=0.02)


def test_the_interval_holds_the_error_and_narrows() -> None:
    few, many = drawn(100, 0.1), drawn(5000, 0.1)
    for sample in (few, many):
        low, high = calibration_interval(*sample)
        assert low <= calibration_error(*sample) <= high
    widths = [high - low for low, high in (calibration_interval(*s) for s in (few, many))]
    assert widths[1] < widths[0] / 3
    assert calibration_interval(*few) == calibration_interval(*few)  # one seed


def test_few_examples_are_no_support() -> None:
    scores = np.tile([[1.0, 0.0]], (ENOUGH, 1))
    targets = np.zeros(ENOUGH, np.int64)
    few = calibrate(scores[:6], targets[:6], start=1.0)
    assert not few.supported
    assert "too few to say" in few.summary()
    assert 0.3 < few.temperature < 1  # six correct answers are no certainty
    enough = calibrate(scores, targets, start=1.0)
    assert enough.supported
    assert "calibration error" in enough.summary()
    nothing = calibrate(scores[:0], targets[:0], start=0.7)
    assert nothing == Calibration(0.7, 0, "default")
    assert "not known" in nothing.summary()


@pytest.mark.parametrize("interval", [None, (0.01, 0.05)])
def test_a_record_goes_through_json(interval: tuple[float, float] | None) -> None:
    record = Calibration(0.5, 40, "cross-fitted", interval and 0.02, interval)
    assert Calibration.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    assert Calibration.from_dict(None) is None
