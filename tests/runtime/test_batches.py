"""Which rows the processor computes together."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from fsl_nlp.runtime.batches import batches_by_length, cheapest_batches

BATCH = 21  # tokens that one more batch costs


def cost(lengths: list[int], batches: list[list[int]]) -> int:
    return sum(BATCH + len(batch) * max(lengths[i] for i in batch) for batch in batches)


def rows(lengths: list[int]) -> list[list[int]]:
    return [[1] * n for n in lengths]


def random_lengths(seed: int, count: int) -> list[int]:
    draws = np.random.default_rng(seed).lognormal(2.5, 0.6, count)
    return [int(n) for n in draws.clip(3, 256)]


@pytest.mark.parametrize("seed", range(20))
def test_no_other_cuts_between_lengths_are_cheaper(seed: int) -> None:
    lengths = random_lengths(seed, 9)
    least = cost(lengths, list(cheapest_batches(rows(lengths), 1024)))
    order = sorted(range(9), key=lambda i: -lengths[i])
    for count in range(9):
        for inner in combinations(range(1, 9), count):
            cuts = [0, *inner, 9]
            other = [order[a:b] for a, b in pairwise(cuts)]
            assert least <= cost(lengths, other)


@pytest.mark.parametrize("count", [0, 1, 30, 300, 3000])
def test_each_row_is_in_one_batch_within_the_budget(count: int) -> None:
    lengths = random_lengths(count, count)
    batches = list(cheapest_batches(rows(lengths), 1024))
    assert sorted(i for batch in batches for i in batch) == list(range(count))
    longest = [max(lengths[i] for i in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)
    assert all(n * len(batch) <= 1024 for n, batch in zip(longest, batches, strict=True))
    greedy = list(batches_by_length(rows(lengths), 1024))
    assert cost(lengths, batches) <= cost(lengths, greedy)


def test_a_row_longer_than_the_budget_is_alone() -> None:
    assert list(cheapest_batches(rows([500, 1, 500]), 100)) == [[0], [2], [1]]
