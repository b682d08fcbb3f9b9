"""Batches of examples for training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator

# Standard deviation of the noise on the log lengths. Without it every epoch has the same batches.
_NOISE = 0.25


def by_length(lengths: Sequence[int], size: int, rng: Rng) -> list[list[int]]:
    """The batches of an epoch: texts of similar length, at most `size`, in random order."""
    sort_keys = np.log(np.maximum(lengths, 1)) + rng.normal(0, _NOISE, len(lengths))
    return _cut(np.argsort(sort_keys, kind="stable"), size, rng)


def by_class(classes: Sequence[int], size: int, group: int, rng: Rng) -> list[list[int]]:
    """The batches of an epoch, made of groups of `group` examples of one class."""
    members: dict[int, list[int]] = {}
    for i in rng.permutation(len(classes)).tolist():
        members.setdefault(classes[i], []).append(i)
    groups = [
        indices[start : start + group]
        for indices in members.values()
        for start in range(0, len(indices), group)
    ]
    rng.shuffle(groups)
    return _cut(np.array([i for indices in groups for i in indices]), size, rng)


def _cut(order: NDArray[np.int64], size: int, rng: Rng) -> list[list[int]]:
    """Batches of nearly equal sizes: a small last batch would give a noisy step."""
    batches = np.array_split(order, max(1, -(-len(order) // size)))
    return [batches[i].tolist() for i in rng.permutation(len(batches))]
