"""How confidence was calibrated, and the error of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fsl_nlp.decision.calibration import (
    ENOUGH,
    Calibration,
    calibrate,
)


def drawn(count: int, excess: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two labels, and targets that agree with them less by `excess`."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.6, 1, count)
    targets = np.where(rng.uniform(size=count) < confidence - excess, 0, 1)
    return np.stack([confidence, 1 - confidence], 1), targets


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
