"""The nouns that every part of the toolkit shares. Nothing here loads torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import DataError

if TYPE_CHECKING:
    import datasets

Label = str | int
Span = tuple[int, int]  # character offsets in a text: start, end (exclusive)


@dataclass(frozen=True, slots=True)
class Example:
    """One thing to classify. Only `text` is required; a corpus fills what it has."""

    text: str
    label: Label | None = None
    text_b: str | None = None
    head: Span | None = None
    tail: Span | None = None
    candidates: tuple[str, ...] = ()
    id: str | None = None


@dataclass(frozen=True, slots=True)
class LabelInfo:
    """What is known of a label besides its examples."""

    name: str | None = None
    description: str | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """Examples and their ordered label set.

    >>> data = Dataset.from_texts(["where is my parcel", "send it back"], ["track", "return"])
    >>> data.labels, len(data)
    (('return', 'track'), 2)
    """

    examples: tuple[Example, ...]
    labels: tuple[Label, ...]
    info: Mapping[Label, LabelInfo] = field(default_factory=dict)
    name: str = "data"

    @classmethod
    def from_examples(
        cls,
        examples: Iterable[Example],
        *,
        info: Mapping[Label, LabelInfo] | None = None,
        name: str = "data",
    ) -> Dataset:
        examples = tuple(examples)
        found = {example.label for example in examples if example.label is not None}
        return cls(examples, tuple(sort_labels(found)), dict(info or {}), name)

    @classmethod
    def from_texts(
        cls, texts: Sequence[str], labels: Sequence[Label | None], *, name: str = "data"
    ) -> Dataset:
        pairs = zip(texts, labels, strict=True)
        return cls.from_examples((Example(t, label) for t, label in pairs), name=name)

    @classmethod
    def from_hf(
        cls, table: datasets.Dataset, *, text: str = "text", label: str = "label"
    ) -> Dataset:
        """A `datasets.Dataset`; a ClassLabel column gives its names, and its -1 means no label."""
        names = getattr(table.features[label], "names", None)
        values = list(table[label])
        if names:
            values = [names[v] if v is not None and v >= 0 else None for v in values]
        return cls.from_texts(list(table[text]), values)

    def to_hf(self) -> datasets.Dataset:
        """The texts and labels as a `datasets.Dataset`."""
        import datasets

        return datasets.Dataset.from_dict({"text": self.texts, "label": self.targets})

    @property
    def texts(self) -> list[str]:
        return [example.text for example in self.examples]

    @property
    def targets(self) -> list[Label | None]:
        return [example.label for example in self.examples]

    @property
    def known_targets(self) -> list[Label]:
        """The labels, where every example must have one."""
        return [_known(example) for example in self.examples]

    @property
    def labelled(self) -> Dataset:
        """Without the examples that have no label."""
        return replace(self, examples=tuple(e for e in self.examples if e.label is not None))

    @property
    def unlabelled(self) -> list[Example]:
        """The examples that have no label."""
        return [example for example in self.examples if example.label is None]

    def with_unlabelled(self, more: Iterable[Example]) -> Dataset:
        """With more examples to learn from, whose labels are not looked at, should they have any.

        >>> Dataset.from_texts(["a"], ["x"]).with_unlabelled([Example("b", "y")]).targets
        ['x', None]
        """
        added = (replace(example, label=None) for example in more)
        return replace(self, examples=(*self.examples, *added))

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[Example]:
        return iter(self.examples)


@dataclass(frozen=True)
class Task:
    """Something to learn (support) and something to be scored on (query)."""

    support: Dataset
    query: Dataset

    @property
    def labels(self) -> tuple[Label, ...]:
        return self.support.labels


@dataclass(frozen=True, slots=True)
class Alternative:
    label: Label
    confidence: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training example and its cosine similarity to the question."""

    text: str
    label: Label
    similarity: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer. `label` is None when `reason` is not "ok"."""

    label: Label | None
    confidence: float
    margin: float
    reason: str
    alternatives: tuple[Alternative, ...] = ()
    nearest: tuple[Neighbour, ...] = ()
    model_version: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        from dataclasses import asdict

        return asdict(self)


def _known(example: Example) -> Label:
    if example.label is None:
        raise DataError(f"This example has no label: {example.text[:60]!r}.")
    return example.label


def sort_labels(labels: Iterable[Label]) -> list[Label]:
    """Sorted; whole numbers as numbers, and before strings.

    >>> sort_labels(["b", 10, 9, "a"])
    [9, 10, 'a', 'b']
    """
    return sorted(labels, key=lambda label: (isinstance(label, str), label))
