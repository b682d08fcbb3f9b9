"""Batches of texts of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

# One more batch takes as long as so many more tokens: the processor reads all weights from memory
# again. Measured with all-MiniLM-L6-v2 in fp32, one thread, AVX-512.
_BATCH_COST = 21


def batches_by_length(ids: Sequence[Sequence[int]], budget: int) -> Iterator[list[int]]:
    """Indices in batches of similar length; longest times count stays within the budget.

    A batch of one length is best, because it needs no attention mask. Shorter rows join a small
    batch if their padding costs less than another batch.

    >>> list(batches_by_length([[1] * 9, [1], [1] * 2, [1] * 8], budget=64))
    [[0, 3], [2, 1]]
    """
    # The longest come first: a lack of memory shows at once, and the time left is not too low.
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    batch: list[int] = []
    longest = padding = 0
    for i in order:
        tokens = longest * len(batch)
        padding += longest - len(ids[i])
        may_pad = tokens < budget // 4 and padding <= budget // 16
        if batch and (tokens + longest > budget or (padding and not may_pad)):
            yield batch
            batch = []
        if not batch:
            longest, padding = len(ids[i]), 0
        batch.append(i)
    if batch:
        yield batch


def cheapest_batches(ids: Sequence[Sequence[int]], budget: int) -> Iterator[list[int]]:
    """Indices in those batches that the processor is done with first, the longest rows first.

    Rows of one length stay together, with those of other lengths if their padding costs less than
    another batch. Longest times count stays within the budget.

    >>> list(cheapest_batches([[1] * 9, [1], [1] * 2, [1] * 8], budget=64))
    [[0, 3, 2, 1]]
    >>> list(cheapest_batches([[1] * 40, [1], [1] * 2, [1] * 38], budget=64))
    [[0], [3], [2, 1]]
    """
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    lengths = [len(ids[i]) for i in order]
    # Where the rows of each length begin, and where all of them end.
    starts = [i for i, n in enumerate(lengths) if not i or n != lengths[i - 1]] + [len(ids)]
    costs, cuts = [0], [0]  # of the rows before each start, and where their last batch begins
    for end in range(1, len(starts)):
        choices = []
        for first in range(end):
            longest, count = lengths[starts[first]], starts[end] - starts[first]
            batches = -(-count // max(1, budget // longest))
            choices.append(costs[first] + batches * _BATCH_COST + count * longest)
        costs.append(min(choices))
        cuts.append(choices.index(costs[-1]))
    borders = [len(starts) - 1]
    while borders[-1]:
        borders.append(cuts[borders[-1]])
    for first, end in pairwise(borders[::-1]):
        rows = order[starts[first] : starts[end]]
        most = max(1, budget // lengths[starts[first]])
        for start in range(0, len(rows), most):
            yield rows[start : start + most]
