"""Scores of other authors against loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ShrunkCovariance

from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.evaluation.baseline_scores import (
    BASELINES,
    Trained,
    energy,
    mahalanobis,
    max_logit,
    max_probability,
    nearest_cosine,
)
from fsl_nlp.vectors import unit

RNG = np.random.default_rng(0)
CLASSES = np.array([0, 0, 0, 2, 2, 2, 2])  # no text has the second label
TRAINED = Trained(RNG.normal(size=(7, 5)) + 3 * np.eye(5)[CLASSES], CLASSES)
SHOWN = Outputs(RNG.normal(size=(4, 3)), RNG.normal(size=(4, 5)))


def test_scores_of_the_logits() -> None:
    powers = np.exp(SHOWN.scores)
    np.testing.assert_allclose(energy(SHOWN, TRAINED), np.log(powers.sum(1)))
    np.testing.assert_allclose(max_probability(SHOWN, TRAINED), powers.max(1) / powers.sum(1))
    np.testing.assert_allclose(max_logit(SHOWN, TRAINED), SHOWN.scores.max(1))
    large = Outputs(np.array([[2000.0, 2000.0]]), SHOWN.vectors[:1])
    assert energy(large, TRAINED) == pytest.approx(2000 + np.log(2))


def test_the_nearest_cosine() -> None:
    cosines = [
        max(v @ t / np.linalg.norm(v) / np.linalg.norm(t) for t in TRAINED.vectors)
        for v in SHOWN.vectors
    ]
    np.testing.assert_allclose(nearest_cosine(SHOWN, TRAINED), cosines)


@pytest.mark.parametrize("shrinkage", [0.1, 0.9])
def test_the_relative_mahalanobis_distance(shrinkage: float) -> None:
    texts, vectors = unit(TRAINED.vectors), unit(SHOWN.vectors)
    means = {c: texts[c == CLASSES].mean(0) for c in (0, 2)}

    def squared(vector: np.ndarray, mean: np.ndarray, residuals: np.ndarray) -> float:
        shrunk = ShrunkCovariance(shrinkage=shrinkage, assume_centered=True).fit(residuals)
        return float((vector - mean) @ shrunk.precision_ @ (vector - mean))

    within = texts - np.stack([means[c] for c in CLASSES])
    whole = texts - texts.mean(0)
    expected = [
        squared(v, texts.mean(0), whole) - min(squared(v, m, within) for m in means.values())
        for v in vectors
    ]
    np.testing.assert_allclose(mahalanobis(SHOWN, TRAINED, shrinkage), expected)


def test_one_text_for_each_label_is_enough() -> None:
    """Then there is no spread within a label, and some distance must do."""
    single = Trained(np.eye(3, 5), np.arange(3))
    for name, score in BASELINES.items():
        assert np.isfinite(score(SHOWN, single)).all(), name
    near = Outputs(SHOWN.scores[:2], np.array([[1.0, 0.1, 0, 0, 0], [0.2, 0, 0, 0.3, 0.9]]))
    first, second = mahalanobis(near, single)
    assert first > second
