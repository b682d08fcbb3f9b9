"""Batches of texts of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


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
