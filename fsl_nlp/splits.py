"""Class-disjoint parts of a corpus: training and test data share no class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.data.labels import readable
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.types import Dataset, Example, Label


@dataclass(frozen=True)
class ClassSplit:
    """Three datasets that share no class."""

    train: Dataset
    validation: Dataset
    test: Dataset


def split_classes(
    dataset: Dataset, *, train: int, validation: int, test: int, seed: int = 0
) -> ClassSplit:
    """Three parts with these numbers of classes, drawn by `seed`; examples follow their class.

    >>> data = Dataset.from_texts(["a", "b", "c", "d"], ["A", "B", "C", "D"])
    >>> parts = split_classes(data, train=2, validation=1, test=1)
    >>> sorted(parts.train.labels + parts.validation.labels + parts.test.labels)
    ['A', 'B', 'C', 'D']
    """
    count = train + validation + test
    if min(train, validation, test) < 0 or count > len(dataset.labels):
        raise DataError(
            f"{train} + {validation} + {test} classes asked for; {dataset.name} has "
            f"{len(dataset.labels)}."
        )
    # Raw bits, as in episodes: the same split on every platform.
    order = np.random.Philox(key=seed).random_raw(len(dataset.labels)).argsort(kind="stable")
    labels = [dataset.labels[i] for i in order]
    return ClassSplit(
        keep_classes(dataset, labels[:train]),
        keep_classes(dataset, labels[train : train + validation]),
        keep_classes(dataset, labels[train + validation : count]),
    )


def keep_classes(dataset: Dataset, labels: Iterable[Label]) -> Dataset:
    """The examples that have one of these labels.

    >>> keep_classes(Dataset.from_texts(["a", "b"], ["x", "y"]), ["y"]).texts
    ['b']
    """
    kept = set(labels)
    examples = tuple(example for example in dataset if example.label in kept)
    order = tuple(label for label in dataset.labels if label in kept)
    info = {label: value for label, value in dataset.info.items() if label in kept}
    return Dataset(examples, order, info, dataset.name)


def sample_shots(dataset: Dataset, shots: int, seed: int = 0) -> Dataset:
    """At most `shots` examples of each label, drawn by `seed`.

    >>> data = Dataset.from_texts(["a", "b", "c", "d"], ["x", "x", "x", "y"])
    >>> sorted(sample_shots(data, 2).targets)
    ['x', 'x', 'y']
    """
    if shots < 1:
        raise OptionError(f"shots={shots} (--shot): must be at least 1.")
    order = np.random.Philox(key=seed).random_raw(len(dataset)).argsort(kind="stable")
    counts: Counter[Label | None] = Counter()
    kept = []
    for i in order.tolist():
        label = dataset.examples[i].label
        if counts[label] < shots:
            counts[label] += 1
            kept.append(i)
    return replace(dataset, examples=tuple(dataset.examples[i] for i in sorted(kept)))


def without_small_classes(dataset: Dataset, least: int) -> tuple[Dataset, tuple[Label, ...]]:
    """The classes with at least `least` examples, and the labels of those with fewer.

    Episodes need `shot + query` examples of every class.

    >>> data = Dataset.from_texts(["a", "b", "c"], ["x", "x", "y"])
    >>> kept, left_out = without_small_classes(data, 2)
    >>> kept.labels, left_out
    (('x',), ('y',))
    """
    sizes = Counter(example.label for example in dataset)
    small = tuple(label for label in dataset.labels if sizes[label] < least)
    if not small:
        return dataset, ()
    return keep_classes(dataset, set(dataset.labels) - set(small)), small


def draw_examples(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """So many of the examples, in their order; all if there are fewer.

    >>> [example.text for example in draw_examples([Example("a"), Example("b")], 5, seed=0)]
    ['a', 'b']
    """
    if len(examples) <= count:
        return list(examples)
    chosen = np.random.default_rng(seed).choice(len(examples), count, replace=False)
    return [examples[i] for i in sorted(chosen.tolist())]


def draw_stratified(dataset: Dataset, count: int, seed: int = 0) -> Dataset:
    """So many examples, each label in its proportion; all if there are fewer.

    Every example is equally likely to be drawn: the examples are shuffled within their labels, and
    taken at equal distances from a random start (systematic sampling).

    >>> data = Dataset.from_texts(list("abcdef"), ["x", "x", "x", "x", "y", "y"])
    >>> draw_stratified(data, 3).targets
    ['x', 'x', 'y']
    """
    size = len(dataset)
    if count >= size:
        return dataset
    index = {label: i for i, label in enumerate(dataset.labels)}
    classes = np.array([index.get(e.label, -1) if e.label is not None else -1 for e in dataset])
    # Raw bits, as in episodes: the same sample on every platform.
    bits = np.random.Philox(key=seed).random_raw(size + 1)
    order = np.lexsort((bits[:size], classes))
    start = int(bits[size]) % size
    chosen = order[(start + np.arange(count) * size) // count]
    return replace(dataset, examples=tuple(dataset.examples[i] for i in sorted(chosen.tolist())))


def deal_folds(
    classes: NDArray[np.int64],
    folds: int,
    rng: np.random.Generator,
    alone: Collection[int] = (),
) -> NDArray[np.int64]:
    """The fold of each example, by its class [n]; -1 for those that are never held out.

    Each class is spread evenly. The only example of a class is never held out, unless the class is
    one of `alone`.

    >>> deal_folds(np.array([0, 0, 1]), 5, np.random.default_rng(0)).tolist()[2]
    -1
    """
    fold = np.full(len(classes), -1)
    start = 0
    for c in np.unique(classes):
        rows = rng.permutation(np.flatnonzero(classes == c))
        if c in alone or len(rows) > 1:
            fold[rows] = (start + np.arange(len(rows))) % folds
            start += len(rows)
    return fold


def shared_classes(first: Dataset, second: Dataset) -> list[Label]:
    """The labels of `second` that `first` has too.

    Labels are compared by their name in words ("Card-Arrival" is "card arrival"), or by their
    spelling where one of the datasets has no name for them.

    >>> shared_classes(
    ...     Dataset.from_texts(["a"], ["card arrival"]), Dataset.from_texts(["b"], ["Card-Arrival"])
    ... )
    ['Card-Arrival']
    """
    names = {_name(label, first) for label in first.labels}
    spelled = {_spelled(label): label for label in first.labels}

    def is_shared(label: Label) -> bool:
        if _name(label, second) in names:
            return True
        twin = spelled.get(_spelled(label))
        return twin is not None and not (
            _name_in_info(twin, first) and _name_in_info(label, second)
        )

    return [label for label in second.labels if is_shared(label)]


def drop_shared(source: Dataset, target: Dataset) -> Dataset:
    """`source` without the classes that `target` has.

    >>> both, target = (Dataset.from_texts(list(labels), list(labels)) for labels in ("ab", "b"))
    >>> drop_shared(both, target).labels
    ('a',)
    """
    shared = set(shared_classes(target, source))
    return keep_classes(source, [label for label in source.labels if label not in shared])


def refuse_leakage(source: Dataset, target: Dataset) -> None:
    """Raise a DataError that names the classes of `target` that are in `source` too."""
    shared = shared_classes(source, target)
    if shared:
        raise DataError(
            f"Leakage: {source.name} and {target.name} share {len(shared)} classes "
            f"({_list(shared)}). Leave them out of {source.name} (drop_shared, "
            "--exclude-test-classes), or test on other classes."
        )


def _name(label: Label, dataset: Dataset) -> str:
    return _name_in_info(label, dataset) or _spelled(label)


def _name_in_info(label: Label, dataset: Dataset) -> str:
    """The name of a label in the dataset's info; "" if it has none."""
    info = dataset.info.get(label)
    return ((info and info.name) or "").casefold()


def _spelled(label: Label) -> str:
    return (readable(label) or str(label)).casefold()


def _list(labels: Sequence[Label], shown: int = 10) -> str:
    more = ", ..." if len(labels) > shown else ""
    return ", ".join(map(str, labels[:shown])) + more
