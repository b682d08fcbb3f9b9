"""The nouns that every part of the toolkit shares. Nothing here loads torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import DataError

if TYPE_CHECKING:
    import datasets

Label = str | int
Span = tuple[int, int]  # character offsets in a text: start, end (exclusive)

LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no encoder can read
WHOLE_NUMBERS = range(-(2**63), 2**63)  # labels that arrays and tables hold as they are


@dataclass(frozen=True, slots=True)
class Example:
    """One thing to classify: a text, or a text with more parts. Only `text` is required.

    `head` and `tail` mark two mentions in the text; the label of a text with `candidates` is the
    index of the right one. In training it counts as `weight` examples of weight 1.

    >>> Example("where is my parcel", label="track").label
    'track'
    >>> Example("Ann lives in Rome", head=(0, 3), tail=(13, 17)).text_b is None
    True
    """

    text: str
    label: Label | None = None
    text_b: str | None = None
    head: Span | None = None
    tail: Span | None = None
    candidates: tuple[str, ...] = ()
    id: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class LabelInfo:
    """The name of a label in words, its description, and words for a verbalizer.

    >>> LabelInfo(name="track order", description="where a parcel is").name
    'track order'
    """

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
        """Examples, and their labels in sorted order."""
        examples = tuple(examples)
        labels = {example.label for example in examples if example.label is not None}
        return cls(examples, tuple(sort_labels(labels)), dict(info or {}), name)

    @classmethod
    def from_texts(
        cls, texts: Sequence[str], labels: Sequence[Label | None], *, name: str = "data"
    ) -> Dataset:
        """Texts and the label of each; None is no label."""
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
        """The text of each example."""
        return [example.text for example in self.examples]

    @property
    def targets(self) -> list[Label | None]:
        """The label of each example, None if it has none."""
        return [example.label for example in self.examples]

    @property
    def known_targets(self) -> list[Label]:
        """The label of each example; a DataError if one has none."""
        return [_label_of(example) for example in self.examples]

    @property
    def class_indices(self) -> list[int]:
        """The index in `labels` of each example's label; a DataError if one has none.

        >>> Dataset.from_texts(["a", "b", "c"], ["y", "x", "y"]).class_indices
        [1, 0, 1]
        """
        index = {label: i for i, label in enumerate(self.labels)}
        return [index[label] for label in self.known_targets]

    @property
    def labelled(self) -> Dataset:
        """The examples that have a label."""
        return replace(self, examples=tuple(e for e in self.examples if e.label is not None))

    @property
    def unlabelled(self) -> list[Example]:
        """The examples that have no label."""
        return [example for example in self.examples if example.label is None]

    def with_unlabelled(self, more: Iterable[Example]) -> Dataset:
        """With more examples to learn from; labels that they have are removed.

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
    """Examples to learn from (support) and examples to be scored on (query).

    >>> support = Dataset.from_texts(["where is it", "send it back"], ["track", "return"])
    >>> Task(support, Dataset.from_texts(["is it on its way"], ["track"])).labels
    ('return', 'track')
    """

    support: Dataset
    query: Dataset

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels in play: those of the support set."""
        return self.support.labels


@dataclass(frozen=True, slots=True)
class Alternative:
    """A label other than the predicted one, with its confidence.

    >>> Alternative("refund", 0.1).label
    'refund'
    """

    label: Label
    confidence: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training example and its cosine similarity to the classified text.

    >>> Neighbour("where is my parcel", "track", 0.9).similarity
    0.9
    """

    text: str
    label: Label
    similarity: float


@dataclass(frozen=True, slots=True)
class Influence:
    """What some words of a text do for its best label.

    `change` is by how much the log-odds of the label fall without `text[start:end]`. Above 0 the
    words speak for the label, below 0 against it; 0.7 is twice the odds, 2.3 ten times.

    >>> Influence("parcel", 12, 18, 2.3).change
    2.3
    """

    text: str
    start: int
    end: int
    change: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a classifier answers for one example.

    `label` is None if the classifier does not answer. `reason` is one of

    - "ok"
    - "ambiguous": the first alternative may well be right, too (25% or more), or the best label is
      rather wrong than right (below 50%); ask what is meant
    - "out_of_scope": the text looks like nothing that was learned
    - "empty": the text is blank

    `confidence` is the probability that the best label is right if the text is in scope, and
    `in_scope` is the probability that it is; None if the classifier cannot tell. `margin` is the
    confidence less that of the second label. `truncated` says that the text was too long to be read
    whole. `part` is the part of a message with several intents, "" for the whole. `why` are the
    words of the text in their order, or of the part, with what they did, if that was asked for.

    >>> Prediction("track", 0.9, 0.8, "ok").to_dict()["label"]
    'track'
    """

    label: Label | None
    confidence: float
    margin: float
    reason: str
    alternatives: tuple[Alternative, ...] = ()
    nearest: tuple[Neighbour, ...] = ()
    model_version: str = ""
    truncated: bool = False
    part: str = ""
    in_scope: float | None = None
    why: tuple[Influence, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        from dataclasses import asdict

        return asdict(self)


def _label_of(example: Example) -> Label:
    if example.label is None:
        raise DataError(f"This example has no label: {example.text[:60]!r}.")
    return example.label


def sort_labels(labels: Iterable[Label]) -> list[Label]:
    """Labels in order: whole numbers by value, then strings.

    >>> sort_labels(["b", 10, 9, "a"])
    [9, 10, 'a', 'b']
    """
    return sorted(labels, key=lambda label: (isinstance(label, str), label))
