"""Scores to probabilities, temperature, predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.special

from fsl_nlp.decision.predictions import decide, empty_prediction
from fsl_nlp.decision.probabilities import fit_temperature, softmax
from fsl_nlp.types import Neighbour


@pytest.fixture
def planted() -> tuple[np.ndarray, np.ndarray]:
    """Scores whose softmax at temperature 0.25 is exactly how often each class is right."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4000, 5))
    probabilities = scipy.special.softmax(scores / 0.25, axis=1)
    targets = np.array([rng.choice(5, p=row) for row in probabilities])
    return scores, targets


def test_softmax_is_scipys() -> None:
    scores = np.random.default_rng(1).normal(size=(7, 4)).astype(np.float32) * 50
    np.testing.assert_allclose(softmax(scores), scipy.special.softmax(scores, axis=1), atol=1e-6)


def test_softmax_of_huge_scores_and_of_no_rows() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e6, 1e6, -1e6]])), [[0.5, 0.5, 0]])
    assert softmax(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("start", [0.05, 0.25, 2.0])
def test_a_planted_temperature_is_found_from_any_start(
    planted: tuple[np.ndarray, np.ndarray], start: float
) -> None:
    assert fit_temperature(*planted, start=start) == pytest.approx(0.25, rel=0.1)


def test_the_temperature_has_the_least_penalised_log_loss() -> None:
    rng = np.random.default_rng(2)
    scores, targets = rng.normal(size=(30, 4)), rng.integers(0, 4, 30)

    def loss(temperature: float) -> float:
        probabilities = scipy.special.softmax(scores / temperature, axis=1)
        return float(
            -np.log(probabilities[np.arange(30), targets]).sum()
            + 3 * np.log(temperature / 0.5) ** 2
        )

    grid = 0.5 * np.exp(np.linspace(-3, 3, 2401))
    best = grid[np.argmin([loss(temperature) for temperature in grid])]
    assert fit_temperature(scores, targets, start=0.5) == pytest.approx(best, rel=0.01)


def test_little_evidence_moves_the_temperature_little() -> None:
    scores = np.array([[1.0, 0.0]])
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, np.int64), start=0.7) == 0.7
    right = fit_temperature(scores, np.array([0]), start=1.0)
    wrong = fit_temperature(scores, np.array([1]), start=1.0)
    assert 0.5 < right < 1 < wrong < 2


def test_confident_mistakes_raise_the_temperature(
    planted: tuple[np.ndarray, np.ndarray],
) -> None:
    scores, targets = planted
    mistaken = np.where(np.arange(len(targets)) % 2, targets, (targets + 1) % 5)
    start = fit_temperature(scores, targets, start=0.25)
    assert fit_temperature(scores, mistaken, start=0.25) > 2 * start


def test_the_best_label_leads_and_alternatives_follow_in_order() -> None:
    near = (Neighbour("hello", "b", 0.9),)
    answer = decide(
        np.array([0.2, 0.5, 0.3]), ("a", "b", 7), top_k=3, nearest=near, model_version="v"
    )
    assert (answer.label, answer.confidence, answer.reason) == ("b", 0.5, "ok")
    assert answer.margin == pytest.approx(0.2)
    assert [(a.label, a.confidence) for a in answer.alternatives] == [(7, 0.3), ("a", 0.2)]
    assert (answer.nearest, answer.model_version) == (near, "v")


@pytest.mark.parametrize(("top_k", "alternatives"), [(1, 0), (2, 1), (3, 2), (50, 2)])
def test_top_k_counts_the_answer(top_k: int, alternatives: int) -> None:
    answer = decide(np.array([0.2, 0.5, 0.3]), ("a", "b", "c"), top_k=top_k)
    assert len(answer.alternatives) == alternatives


def test_of_equal_probabilities_the_first_label_is_taken() -> None:
    answer = decide(np.full(3, 1 / 3), ("a", "b", "c"), top_k=3)
    assert [answer.label, *(a.label for a in answer.alternatives)] == ["a", "b", "c"]
    assert answer.margin == 0


def test_a_single_label_has_all_the_margin() -> None:
    assert decide(np.ones(1), ("a",), top_k=3).margin == 1


def test_answers_are_plain_json() -> None:
    for answer in (decide(np.array([0.4, 0.6]), ("a", 3), top_k=2), empty_prediction("v")):
        assert json.loads(json.dumps(answer.to_dict()))["reason"] == answer.reason
    assert empty_prediction("v").to_dict() == {
        "label": None,
        "confidence": 0.0,
        "margin": 0.0,
        "reason": "empty",
        "alternatives": (),
        "nearest": (),
        "model_version": "v",
        "truncated": False,
        "part": "",
        "in_scope": None,
        "why": (),
    }
