"""Thresholds from held-out examples, and what is expected of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fsl_nlp.decision.learning import Reference, certainty_for, learn_decision, low_quantile
from fsl_nlp.decision.outputs import HeldOut, Outputs
from fsl_nlp.decision.policy import Decision
from fsl_nlp.decision.targets import Targets
from fsl_nlp.errors import OptionError

LABELS, SIZE = 6, 24
CENTRES = np.eye(LABELS, SIZE) * 3


def drawn(classes: np.ndarray, seed: int, noise: float = 0.5) -> Outputs:
    """Vectors around the centre of their class, -1 around none; cosines to centres as scores."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(len(classes), SIZE)) * noise
    vectors[classes >= 0] += CENTRES[classes[classes >= 0]]
    vectors[classes < 0] += rng.normal(size=SIZE) * 2
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return Outputs((vectors @ CENTRES.T * 4).astype(np.float32), vectors)


@pytest.fixture(scope="module")
def splits() -> tuple[Reference, list[HeldOut]]:
    classes = np.repeat(np.arange(LABELS), 30)
    support = drawn(classes, 0).vectors
    parts = []
    for number in range(3):
        judged = np.concatenate([np.repeat(np.arange(LABELS), 20), np.full(40, -1)])
        parts.append(HeldOut(support, classes, drawn(judged, number + 1), judged))
    return Reference(support, classes), parts


def decide(splits: tuple[Reference, list[HeldOut]], **targets: float | None) -> Decision:
    decision = learn_decision(*splits, Targets(**{"reject": None, **targets}))
    assert decision
    return decision


def shares(decision: Decision) -> tuple[float, float]:
    """The shares of new in-scope questions and of new outsiders that are answered."""
    questions = drawn(np.repeat(np.arange(LABELS), 300), 99)
    outsiders = drawn(np.full(600, -1), 98)
    counts = [[v.answers for v in decision.verdicts(outputs)] for outputs in (questions, outsiders)]
    return float(np.mean(counts[0])), float(np.mean(counts[1]))


@pytest.mark.parametrize("reject", [0.02, 0.05, 0.2])
def test_about_the_share_asked_for_is_turned_away(
    splits: tuple[Reference, list[HeldOut]], reject: float
) -> None:
    decision = decide(splits, reject=reject)
    answered, caught = shares(decision)
    assert answered == pytest.approx(1 - reject, abs=0.03)
    assert caught < 0.2
    expected = decision.expected
    assert expected is not None
    assert expected.caught is not None
    assert expected.answered.low <= answered <= expected.answered.high
    assert expected.caught.value > 0.8


def test_a_share_of_zero_says_what_is_in_scope_and_answers_all(
    splits: tuple[Reference, list[HeldOut]],
) -> None:
    decision = decide(splits, reject=0.0)
    assert shares(decision) == (1, 1)
    inside = decision.verdicts(drawn(np.zeros(50, int), 5))
    outside = decision.verdicts(drawn(np.full(50, -1), 5))
    assert min(v.in_scope or 0 for v in inside) > max(v.in_scope or 0 for v in outside)


def test_two_labels_that_are_both_likely_are_worth_asking_about(
    splits: tuple[Reference, list[HeldOut]],
) -> None:
    decision = decide(splits, reject=0.0)
    vectors = np.array([CENTRES[0] + CENTRES[1], CENTRES[0]], np.float32)
    between, sure = decision.verdicts(Outputs((vectors @ CENTRES.T).astype(np.float32), vectors))
    assert (between.reason, between.answers) == ("ambiguous", True)
    assert (sure.reason, sure.answers) == ("ok", True)


def test_coverage_answers_the_surest(splits: tuple[Reference, list[HeldOut]]) -> None:
    answered, _ = shares(decide(splits, coverage=0.7))
    assert answered == pytest.approx(0.7, abs=0.05)


def test_precision_answers_as_many_as_are_right_often_enough() -> None:
    certainty = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    right = np.array([True, True, False, True, False])
    assert certainty_for(certainty, right, 1.0) == 0.8
    assert certainty_for(certainty, right, 0.75) == 0.6
    assert certainty_for(certainty, right, 0.6) == 0.0  # all may be answered
    assert certainty_for(certainty, np.zeros(5, bool), 0.9) == 0.9  # the best that there is


def test_few_values_give_a_bound_below_all_of_them() -> None:
    values = np.array([1.0, 2.0, 3.0, 2.5])
    assert low_quantile(values, 0.05) < 1.0
    assert low_quantile(values[:2], 0.05) == -np.inf
    assert low_quantile(np.arange(199.0), 0.05) == 9
    assert low_quantile(values, 0.0) == -np.inf


def test_a_saved_decision_is_the_same(splits: tuple[Reference, list[HeldOut]]) -> None:
    decision = decide(splits, reject=0.05)
    arrays, settings = decision.state()
    again = Decision.restore(arrays, json.loads(json.dumps(settings)))
    outputs = drawn(np.array([0, 1, -1]), 7)
    assert again.verdicts(outputs) == decision.verdicts(outputs)
    assert again.expected == decision.expected


def test_nothing_is_decided_without_a_question_that_was_held_out(
    splits: tuple[Reference, list[HeldOut]],
) -> None:
    reference, parts = splits
    outside = np.full(4, -1)
    strange = HeldOut(parts[0].support_vectors, reference.classes, drawn(outside, 1), outside)
    assert learn_decision(reference, [], Targets()) is None
    assert learn_decision(reference, [strange], Targets()) is None


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ((1.0, None, None), "reject=1.0: must be at least 0 and less than 1"),
        (("much", None, None), "reject='much': must be a share"),
        ((None, 0, None), "coverage=0: must be more than 0 and at most 1"),
        ((None, None, float("nan")), "precision=nan: must be a share"),
        ((None, 0.9, 0.9), "coverage and precision: give one of them"),
        ((0.02, 0.9, None), "reject and coverage: give one of them"),
    ],
)
def test_bad_targets_are_refused(targets: tuple[object, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Targets.of(*targets)
