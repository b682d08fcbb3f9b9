"""Drawing episodes: reproducible bits, subsets without repetition, distinct episodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.types import Dataset

Indices = NDArray[np.int64]

NOTHING = -1  # fills rows that are shorter than others
_ROUNDS = 100  # of drawing again what came up before


class Draws:
    """Whole numbers from Philox's raw bits, whose stream numpy promises never to change."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise OptionError(f"seed={seed} must not be negative.")
        self._bits = np.random.Philox(key=seed)

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """In [0, 1), from the upper 53 bits."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        return ((raw >> np.uint64(11)) * 2.0**-53).reshape(shape)

    def below(self, limits: Indices) -> Indices:
        """One number in [0, limit) for each limit."""
        return (self.uniform(*limits.shape) * limits).astype(np.int64)

    def subset(self, sizes: Indices, count: int) -> Indices:
        """[..., count] different numbers below each size, in random order (Floyd's algorithm).

        Where a size is below `count`, all its numbers come first and the rest is padding.
        """
        chosen = np.empty((*sizes.shape, count), np.int64)
        for i in range(count):
            top = np.maximum(sizes, count) - count + i
            drawn = self.below(top + 1)
            taken = (chosen[..., :i] == drawn[..., None]).any(-1)
            chosen[..., i] = np.where(taken, top, drawn)
        padding = chosen >= sizes[..., None]
        order = (self.uniform(*chosen.shape) + padding).argsort(-1, kind="stable")
        return np.take_along_axis(chosen, order, -1)


@dataclass(frozen=True)
class Plan:
    """Checked settings, and the dataset's examples grouped by class."""

    way: int
    shots: tuple[int, int]
    query: int  # per class
    others: int  # none-of-the-above queries
    imbalance: int | None
    members: Indices  # example positions, class after class
    starts: Indices  # [C]
    sizes: Indices  # [C]

    @classmethod
    def check(
        cls,
        dataset: Dataset,
        way: int | None,
        shots: tuple[int, int],
        query: int,
        episodes: int,
        na_rate: float,
        imbalance: int | None,
    ) -> Plan:
        index = {label: i for i, label in enumerate(dataset.labels)}
        classes = np.array([index[label] for label in dataset.known_targets], np.int64)
        sizes = np.bincount(classes, minlength=len(index))
        count, others = len(index), int(na_rate * query)
        way = count if way is None else way
        for name, value, least in (
            ("way", way, 1),
            ("shot", shots[0], 1),
            ("query", query, 1),
            ("episodes", episodes, 1),
            ("na_rate", na_rate, 0),
            ("imbalance", imbalance if imbalance is not None else 1, 1),
        ):
            if value < least:
                raise OptionError(f"{name}={value}: must be at least {least}.")
        if shots[1] < shots[0]:
            raise OptionError(f"shot={shots}: the first number must not be above the second.")
        if count < 2:
            raise DataError(f"{dataset.name} has {count} class; episodes need at least two.")
        if way + (others > 0) > count:
            more = " and one more for none-of-the-above queries" if others else ""
            raise DataError(
                f"{way}-way episodes need {way} classes{more}; {dataset.name} has {count}."
            )
        needed = shots[1] + query
        small = [(int(sizes[i]), dataset.labels[i]) for i in np.flatnonzero(sizes < needed)]
        if small:
            shown = ", ".join(f"{label!r} has {size}" for size, label in sorted(small, key=str)[:5])
            raise DataError(
                f"{shots[1]} supports and {query} queries need {needed} examples a class; "
                f"{len(small)} of {dataset.name}'s {count} classes have fewer: {shown}. "
                "Ask for fewer, or leave those classes out (without_small_classes, --skip-small)."
            )
        order = classes.argsort(kind="stable")
        return cls(
            way=way,
            shots=shots,
            query=query,
            others=others,
            imbalance=imbalance,
            members=order,
            starts=np.concatenate([[0], sizes.cumsum()[:-1]]),
            sizes=sizes,
        )

    def draw(self, draws: Draws, episodes: int) -> list[Indices]:
        """classes [E, N], support [E, N, K], query [E, Q], target [E, Q]."""
        count, most = len(self.sizes), self.shots[1]
        order = draws.subset(np.full(episodes, count), count if self.others else self.way)
        classes = order[:, : self.way]
        per_class = self._query_counts(draws, classes)  # [E, N]
        widest = int(per_class.max())
        picked = draws.subset(self.sizes[classes], most + widest)  # [E, N, K + widest]
        places = self.starts[classes][..., None] + picked
        picked = self.members[np.minimum(places, len(self.members) - 1)]
        support, query = picked[..., :most], picked[..., most:]
        if self.shots[0] < most:
            kept = self.shots[0] + draws.below(np.full(classes.shape, most - self.shots[0] + 1))
            support = np.where(np.arange(most) < kept[..., None], support, NOTHING)
        target = np.broadcast_to(np.arange(self.way)[:, None], query.shape)
        asked = np.arange(widest) < per_class[..., None]
        # Every episode asks equally often in all, so the rows stay rectangular.
        query = query[asked].reshape(episodes, -1)
        target = target[asked].reshape(episodes, -1)
        if self.others:
            foreign = self._draw_others(draws, order[:, self.way :])
            query = np.concatenate([query, foreign], 1)
            target = np.concatenate([target, np.full(foreign.shape, self.way)], 1)
        return [classes, support, query, target]

    def _query_counts(self, draws: Draws, classes: Indices) -> Indices:
        """[E, N]: how often each class is asked."""
        if self.imbalance is None:
            return np.full(classes.shape, self.query)
        # Polya's urn: one query after another, a class the likelier the more it has. Its counts
        # are those of a Dirichlet draw, in whole numbers only.
        counts = np.zeros(classes.shape, np.int64)
        room = self.sizes[classes] - self.shots[1]
        for _ in range(self.query * self.way):
            weights = np.where(counts < room, counts + self.imbalance, 0)
            edges = weights.cumsum(1)
            chosen = (draws.below(edges[:, -1])[:, None] >= edges).sum(1)
            counts[np.arange(len(counts)), chosen] += 1
        return counts

    def _draw_others(self, draws: Draws, foreign: Indices) -> Indices:
        """[E, others] different examples of the classes `foreign` [E, C - N], a class at a time."""
        shape = (len(foreign), self.others)
        drawn = np.full(shape, NOTHING)
        again = np.ones(shape, bool)
        for _ in range(_ROUNDS):
            which = draws.below(np.full(shape, foreign.shape[1]))
            classes = np.take_along_axis(foreign, which, 1)
            fresh = self.members[self.starts[classes] + draws.below(self.sizes[classes])]
            drawn = np.where(again, fresh, drawn)
            again = _repeats(drawn)
            if not again.any():
                return drawn
        raise DataError(
            f"{self.others} different none-of-the-above queries an episode are more than the "
            "other classes hold. Lower na_rate or query."
        )


def _repeats(rows: Indices) -> NDArray[np.bool_]:
    """Marks what stood further left in its row already."""
    order = rows.argsort(1, kind="stable")
    ranked = np.take_along_axis(rows, order, 1)
    same = np.zeros(rows.shape, bool)
    same[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    result = np.zeros(rows.shape, bool)
    np.put_along_axis(result, order, same, 1)
    return result


def make_distinct(arrays: list[Indices], plan: Plan, draws: Draws) -> list[Indices]:
    """Draw again what came up before; classes, supports and queries count as sets."""
    for _ in range(_ROUNDS):
        classes, support, query, _target = arrays
        by_class = classes.argsort(1, kind="stable")
        in_order = np.take_along_axis(np.sort(support, 2), by_class[..., None], 1)
        rows = np.concatenate(
            [in_order.reshape(len(classes), -1), np.sort(query, 1)], 1, dtype=np.int64
        )
        keys = np.ascontiguousarray(rows).view([("", rows.dtype)] * rows.shape[1]).ravel()
        _, first = np.unique(keys, return_index=True)
        if len(first) == len(rows):
            return arrays
        repeated = np.setdiff1d(np.arange(len(rows)), first)
        fresh = plan.draw(draws, len(repeated))
        for array, values in zip(arrays, fresh, strict=True):
            array[repeated] = values
    raise DataError(
        f"There are fewer than {len(arrays[0])} different episodes of this kind "
        f"(found {len(first)}). Ask for fewer episodes, or for more ways or queries."
    )
