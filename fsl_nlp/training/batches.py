"""Which examples go through a training step together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator

# How far a text may stray from its place by length; without it each batch would always be the
# same texts.
_STRAY = 0.25


def by_length(lengths: Sequence[int], size: int, rng: Rng) -> list[list[int]]:
    """An epoch's batches of `size` at most, of like length, in any order."""
    strayed = np.log(np.maximum(lengths, 1)) + rng.normal(0, _STRAY, len(lengths))
    return _cut(np.argsort(strayed, kind="stable"), size, rng)


def by_class(classes: Sequence[int], size: int, group: int, rng: Rng) -> list[list[int]]:
    """An epoch's batches in which classes come in groups, so that a batch holds pairs of them."""
    members: dict[int, list[int]] = {}
    for place in rng.permutation(len(classes)).tolist():
        members.setdefault(classes[place], []).append(place)
    groups = [
        places[start : start + group]
        for places in members.values()
        for start in range(0, len(places), group)
    ]
    rng.shuffle(groups)
    return _cut(np.array([place for places in groups for place in places]), size, rng)


def _cut(order: NDArray[np.int64], size: int, rng: Rng) -> list[list[int]]:
    """Pieces that differ by one at most, so that no step rests on a few leftovers."""
    pieces = np.array_split(order, max(1, -(-len(order) // size)))
    return [pieces[i].tolist() for i in rng.permutation(len(pieces))]
