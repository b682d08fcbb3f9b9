"""Batches: everything once, of like length, or with pairs of a class."""

from __future__ import annotations

import numpy as np
import pytest

from fsl_nlp.training.batches import by_class, by_length

RNG = np.random.default_rng


@pytest.mark.parametrize(("count", "size"), [(1, 64), (64, 64), (65, 64), (462, 64), (7, 1)])
def test_an_epoch_has_everything_once(count: int, size: int) -> None:
    for batches in (
        by_length([3] * count, size, RNG(0)),
        by_class([i % 5 for i in range(count)], size, 4, RNG(0)),
    ):
        assert sorted(i for batch in batches for i in batch) == list(range(count))
        sizes = [len(batch) for batch in batches]
        assert max(sizes) <= size
        assert max(sizes) - min(sizes) <= 1


def test_texts_of_like_length_go_together() -> None:
    lengths = RNG(0).integers(5, 80, 640).tolist()
    batches = by_length(lengths, 64, RNG(0))
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    at_random = sum(64 * max(lengths[i] for i in range(s, s + 64)) for s in range(0, 640, 64))
    assert padded < 1.6 * sum(lengths)
    assert padded < 0.85 * at_random


def test_another_epoch_has_other_batches() -> None:
    rng = RNG(0)
    first, second = (by_length(list(range(10, 138)), 64, rng) for _ in range(2))
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}


def test_a_batch_holds_pairs_of_its_classes() -> None:
    classes = [i % 77 for i in range(462)]
    for batch in by_class(classes, 64, 4, RNG(0)):
        inside = np.bincount([classes[i] for i in batch])
        assert (inside[inside > 0] >= 2).mean() > 0.8
