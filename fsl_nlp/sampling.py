"""Drawing episodes: reproducible bits, subsets without repetition, distinct episodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.types import Dataset

Indices = NDArray[np.int64]

NOTHING = -1  # pads rows that are shorter than others
_LARGEST = 10**9  # of a number in the settings
_MOST_INDICES = 1 << 30  # in a table, 8 bytes each
_ROUNDS = 100  # at most, of drawing repeated episodes again


class Draws:
    """Random numbers from Philox's raw bits, whose stream numpy promises never to change.

    >>> Draws(seed=0).subset(np.array([5, 5]), 2).shape
    (2, 2)
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < 2**64:
            raise OptionError(f"seed={seed}: must be a whole number from 0 to 2**64 - 1.")
        self._bits = np.random.Philox(key=seed)

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """Numbers in [0, 1), from the upper 53 bits."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        return ((raw >> np.uint64(11)) * 2.0**-53).reshape(shape)

    def below(self, limits: Indices) -> Indices:
        """A whole number in [0, limit) for each limit."""
        return (self.uniform(*limits.shape) * limits).astype(np.int64)

    def subset(self, sizes: Indices, count: int) -> Indices:
        """[..., count] different numbers below each size, in random order (Floyd's algorithm).

        Where a size is below `count`, all its numbers come first, then padding.
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
class EpisodeSettings:
    """What an episode is made of, and how many are drawn.

    >>> EpisodeSettings(way=2, shots=(1, 1), query=0, episodes=10)
    Traceback (most recent call last):
    fsl_nlp.errors.OptionError: query=0 (--query): must be at least 1.
    """

    way: int | None  # None: every class
    shots: tuple[int, int]  # least and most supports of a class, both included
    query: int  # of each class
    episodes: int
    na_rate: float = 0.0  # none-of-the-above queries, as a multiple of `query`
    imbalance: int | None = None  # parameter of the Dirichlet distribution of queries; None: even

    def __post_init__(self) -> None:
        for name, value, least in (
            ("way", self.way, 1),
            ("shot", self.shots[0], 1),
            ("query", self.query, 1),
            ("episodes", self.episodes, 1),
            ("na_rate", self.na_rate, 0),
            ("imbalance", self.imbalance, 1),
        ):
            # A comparison with NaN is false.
            if value is not None and not least <= value <= _LARGEST:
                flag = "nota-rate" if name == "na_rate" else name
                rule = f"at most {_LARGEST:,}" if value > least else f"at least {least}"
                raise OptionError(f"{name}={value} (--{flag}): must be {rule}.")
        if self.shots[1] < self.shots[0]:
            raise OptionError(f"shot={self.shots}: the first number must not be above the second.")

    @property
    def none_of_the_above(self) -> int:
        """The number of queries of other classes in an episode."""
        return int(self.na_rate * self.query)


@dataclass(frozen=True)
class Plan:
    """Settings that a dataset can serve, and its examples grouped by class."""

    settings: EpisodeSettings
    way: int
    members: Indices  # indices of examples, class after class
    starts: Indices  # [C]
    sizes: Indices  # [C]

    @classmethod
    def of(cls, dataset: Dataset, settings: EpisodeSettings) -> Plan:
        """The plan for a dataset, or a DataError if it has too few classes or examples."""
        classes = np.array(dataset.class_indices, np.int64)
        count = len(dataset.labels)
        sizes = np.bincount(classes, minlength=count)
        way = count if settings.way is None else settings.way
        extra = int(settings.none_of_the_above > 0)  # classes for such queries
        if count < 2:
            raise DataError(f"{dataset.name} has {count} class; episodes need at least two.")
        if way + extra > count:
            more = " and one more for none-of-the-above queries" if extra else ""
            raise DataError(
                f"{way}-way episodes need {way} classes{more}; {dataset.name} has {count}."
            )
        most, query = settings.shots[1], settings.query
        small = [(int(sizes[i]), dataset.labels[i]) for i in np.flatnonzero(sizes < most + query)]
        if small:
            shown = ", ".join(f"{label!r} has {size}" for size, label in sorted(small, key=str)[:5])
            raise DataError(
                f"{most} support example{'s' if most > 1 else ''} and {query} "
                f"{'queries' if query > 1 else 'query'} need {most + query} examples a class; "
                f"{len(small)} of {dataset.name}'s {count} classes "
                f"{'has' if len(small) == 1 else 'have'} fewer: {shown}. Ask for fewer, or leave "
                "those classes out (--skip-small; in Python without_small_classes)."
            )
        if settings.none_of_the_above > len(dataset):
            raise DataError(
                f"{settings.none_of_the_above:,} none-of-the-above queries an episode are more "
                f"than the {len(dataset):,} examples of {dataset.name}. Lower --nota-rate."
            )
        size = way * (most + query) + settings.none_of_the_above
        if settings.episodes * size > _MOST_INDICES:
            raise OptionError(
                f"{settings.episodes:,} episodes of {size:,} examples each are a table of "
                f"{settings.episodes * size * 8 / 1e9:,.0f} GB. Ask for fewer episodes."
            )
        starts = np.concatenate([[0], sizes.cumsum()[:-1]])
        return cls(settings, way, classes.argsort(kind="stable"), starts, sizes)

    def draw(self, draws: Draws, episodes: int) -> list[Indices]:
        """classes [E, N], support [E, N, K], query [E, Q] and target [E, Q] of new episodes."""
        count, (least, most) = len(self.sizes), self.settings.shots
        extra = self.settings.none_of_the_above
        order = draws.subset(np.full(episodes, count), count if extra else self.way)
        classes = order[:, : self.way]
        per_class = self._query_counts(draws, classes)  # [E, N]
        widest = int(per_class.max())
        positions = draws.subset(self.sizes[classes], most + widest)  # [E, N, K + widest]
        positions += self.starts[classes][..., None]
        examples = self.members[np.minimum(positions, len(self.members) - 1)]
        support, query = examples[..., :most], examples[..., most:]
        if least < most:
            shots = least + draws.below(np.full(classes.shape, most - least + 1))
            support = np.where(np.arange(most) < shots[..., None], support, NOTHING)
        target = np.broadcast_to(np.arange(self.way)[:, None], query.shape)
        is_query = np.arange(widest) < per_class[..., None]
        # Every episode has the same number of queries, so the rows stay rectangular.
        query = query[is_query].reshape(episodes, -1)
        target = target[is_query].reshape(episodes, -1)
        if extra:
            extra_query = self._draw_extra(draws, order[:, self.way :])
            query = np.concatenate([query, extra_query], 1)
            target = np.concatenate([target, np.full(extra_query.shape, self.way)], 1)
        return [classes, support, query, target]

    def _query_counts(self, draws: Draws, classes: Indices) -> Indices:
        """[E, N]: the number of queries of each class."""
        query, imbalance = self.settings.query, self.settings.imbalance
        if imbalance is None:
            return np.full(classes.shape, query)
        # Polya's urn gives the counts of a Dirichlet draw in whole numbers only: each query adds
        # to the odds of its class.
        counts = np.zeros(classes.shape, np.int64)
        limits = self.sizes[classes] - self.settings.shots[1]
        for _ in range(query * self.way):
            weights = np.where(counts < limits, counts + imbalance, 0)
            edges = weights.cumsum(1)
            chosen = (draws.below(edges[:, -1])[:, None] >= edges).sum(1)
            counts[np.arange(len(counts)), chosen] += 1
        return counts

    def _draw_extra(self, draws: Draws, unused: Indices) -> Indices:
        """Different examples of the classes `unused` [E, C - N]: first a class, then one of it."""
        shape = (len(unused), self.settings.none_of_the_above)
        drawn = np.full(shape, NOTHING)
        is_repeated = np.ones(shape, bool)
        for _ in range(_ROUNDS):
            columns = draws.below(np.full(shape, unused.shape[1]))
            classes = np.take_along_axis(unused, columns, 1)
            fresh = self.members[self.starts[classes] + draws.below(self.sizes[classes])]
            drawn = np.where(is_repeated, fresh, drawn)
            is_repeated = _find_repeats(drawn)
            if not is_repeated.any():
                return drawn
        raise DataError(
            f"{shape[1]} different none-of-the-above queries an episode are more than the "
            "other classes hold. Lower na_rate or query."
        )


def _find_repeats(rows: Indices) -> NDArray[np.bool_]:
    """True where a value occurs further left in its row."""
    order = rows.argsort(1, kind="stable")
    ranked = np.take_along_axis(rows, order, 1)
    same = np.zeros(rows.shape, bool)
    same[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    result = np.zeros(rows.shape, bool)
    np.put_along_axis(result, order, same, 1)
    return result


def make_distinct(arrays: list[Indices], plan: Plan, draws: Draws) -> list[Indices]:
    """Draw repeated episodes again; classes, supports and queries are compared as sets."""
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
        f"({len(first)} were drawn). Ask for fewer episodes, or for more ways or queries."
    )
