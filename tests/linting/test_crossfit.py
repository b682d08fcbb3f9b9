"""Folds, and scores of texts that were not learned from."""

from __future__ import annotations

import numpy as np
import pytest

from fsl_nlp.linting.crossfit import cross_fit, deal_folds
from fsl_nlp.linting.duplicates import group_duplicates
from fsl_nlp.linting.expectation import expected_gains
from fsl_nlp.linting.labels import mislabel_probabilities

from .conftest import Corpus


def test_each_class_is_spread_over_the_folds() -> None:
    classes = np.repeat([0, 1], 10)
    fold = deal_folds(classes, np.arange(20), 5, seed=1)
    for c in (0, 1):
        assert np.bincount(fold[classes == c]).tolist() == [2] * 5


def test_groups_stay_together_across_classes() -> None:
    classes = np.array([0, 0, 0, 1, 1, 1])
    groups = np.array([0, 1, 2, 2, 3, 4])
    for seed in range(20):
        fold = deal_folds(classes, groups, 3, seed)
        if fold[3] >= 0 and fold[2] >= 0:
            assert fold[2] == fold[3]


def test_the_only_text_of_a_class_is_always_learned_from() -> None:
    fold = deal_folds(np.array([0, 0, 1]), np.arange(3), 5, seed=0)
    assert fold[2] == -1
    assert (fold[:2] >= 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_no_class_is_missing_from_what_is_learned(seed: int) -> None:
    generator = np.random.default_rng(seed)
    classes = np.sort(np.r_[np.arange(6), generator.integers(0, 6, 30)])
    groups = generator.integers(0, 12, len(classes))
    fold = deal_folds(classes, groups, 4, seed)
    for f in np.unique(fold[fold >= 0]):
        assert set(classes[fold != f]) == set(range(6))


def test_held_out_scores_do_not_know_the_label() -> None:
    """Random labels are at chance, however close the fit."""
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((200, 64)).astype(np.float32)
    classes = np.repeat([0, 1, 2, 3], 50)
    fitted = cross_fit(vectors, classes, deal_folds(classes, np.arange(200), 5, 0))
    assert fitted.is_right.mean() < 0.4


def test_probabilities_are_those_of_held_out_texts_alone(corpus: Corpus) -> None:
    corpus.add("one", 1)
    classes = np.array(corpus.dataset.class_indices)
    fitted = cross_fit(corpus.vectors, classes, deal_folds(classes, np.arange(61), 5, 0))
    assert np.allclose(np.exp(fitted.log_probabilities[:60]).sum(1), 1)
    assert not fitted.held_out[60]
    assert fitted.predicted[60] == classes[60]
    assert mislabel_probabilities(fitted)[60] == 0


def test_weights_silence_a_wrong_label(corpus: Corpus) -> None:
    corpus.labels[0] = "b"
    classes = np.array(corpus.dataset.class_indices)
    fold = deal_folds(classes, np.arange(60), 5, 0)
    weights = np.where(np.arange(60) == 0, 1e-3, 1.0)
    without = cross_fit(corpus.vectors, classes, fold, weights=weights)
    plain = cross_fit(corpus.vectors, classes, fold)
    assert without.log_probabilities[1:10, 0].sum() > plain.log_probabilities[1:10, 0].sum()


def test_more_texts_help_where_half_the_texts_are_worse() -> None:
    corpus = Corpus(scatter=2.5)
    for name in "abcdef":
        corpus.add(name, 10)
    classes = np.array(corpus.dataset.class_indices)
    fold = deal_folds(classes, np.arange(60), 10, 0)
    whole = cross_fit(corpus.vectors, classes, fold)
    part = cross_fit(corpus.vectors, classes, fold, share=0.3)
    assert part.is_right.mean() < whole.is_right.mean() < 1
    gain, gains = expected_gains(whole, part, corpus.dataset.labels, 0)
    assert gain is not None
    assert 0 < gain.value < 1 - whole.is_right.mean()
    assert gain.low <= gain.value <= gain.high
    assert gain.value == pytest.approx(sum(item.value for item in gains))
    same, _ = expected_gains(whole, whole, corpus.dataset.labels, 0)
    assert same is not None
    assert not same.is_clear  # a flat curve says nothing of more texts


def test_groups_of_many_texts_are_made_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((50, 16)).astype(np.float32)
    vectors = np.concatenate([rows, rows[::-1]])
    texts = [f"text {i}" for i in range(100)]
    expected = [*range(50), *range(49, -1, -1)]
    assert group_duplicates(texts, vectors).tolist() == expected
    monkeypatch.setattr("fsl_nlp.linting.duplicates._BLOCK", 7)
    assert group_duplicates(texts, vectors).tolist() == expected
