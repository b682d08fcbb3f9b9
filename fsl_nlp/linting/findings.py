"""What a check of training data can find. A finding says what is wrong and with which sentences.

`harm` ranks findings of all kinds. It counts texts: 1 for each text that is likely to teach the
wrong thing, less for one that is only of little use.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from fsl_nlp.output import one_line
from fsl_nlp.types import Label

LITTLE_USE = 0.1  # of a text that teaches nothing new
DOUBTFUL = 0.5  # of a text that may do harm or not
ENOUGH_TEXTS = 5  # "Ten sentences for each label are a good start. Five work." (docs)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A training text: its position in the dataset, and the label that held-out scores prefer.

    >>> Sentence(0, "where is it", "refund", "track").predicted
    'track'
    """

    row: int
    text: str
    label: Label
    predicted: Label | None = None


@dataclass(frozen=True, slots=True)
class Finding(ABC):
    """The part that all findings share."""

    kind: ClassVar[str] = ""
    sentences: tuple[Sentence, ...]
    labels: tuple[Label, ...]
    harm: float

    @property
    def summary(self) -> str:
        """What is wrong, in one line."""
        return self._summary()

    @property
    def advice(self) -> str:
        """What to do about it, in one line."""
        return self._advice()

    @abstractmethod
    def _summary(self) -> str: ...

    @abstractmethod
    def _advice(self) -> str: ...

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        words = {"kind": self.kind, "summary": self.summary, "advice": self.advice}
        return {**words, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Mislabel(Finding):
    """A text whose label is probably wrong; `probability` is that it is."""

    kind: ClassVar[str] = "mislabel"
    probability: float

    def _summary(self) -> str:
        sentence = self.sentences[0]
        return f"{_quoted(sentence.text)} is {_name(sentence.label)}: likely wrong"

    def _advice(self) -> str:
        return f"Read it. Is it {_name(self.sentences[0].predicted)}?"


@dataclass(frozen=True, slots=True)
class ConfusablePair(Finding):
    """Two intents whose texts cross: held out, they are taken for the other intent's.

    `rate` is the share of their texts that do.
    """

    kind: ClassVar[str] = "confusable"
    rate: float

    def _summary(self) -> str:
        first, second = map(_name, self.labels)
        return f"{len(self.sentences)} texts cross between {first} and {second} ({self.rate:.0%})"

    def _advice(self) -> str:
        return "Add texts like these to their intents; move those that stand in the wrong one."


@dataclass(frozen=True, slots=True)
class MergeableIntents(Finding):
    """Two intents that cannot be told apart. `preferred` is the share of texts nearer to the other.

    It is 0.5 where the two are the same.
    """

    kind: ClassVar[str] = "merge"
    preferred: float

    def _summary(self) -> str:
        first, second = map(_name, self.labels)
        return (
            f"{first} and {second} cannot be told apart ({self.preferred:.0%} cross; 50% is chance)"
        )

    def _advice(self) -> str:
        return "Make them one intent, or write what sets them apart."


@dataclass(frozen=True, slots=True)
class NearDuplicates(Finding):
    """Texts that say the same in nearly the same words; `similarity` is that of the least alike."""

    kind: ClassVar[str] = "duplicates"
    similarity: float

    def _summary(self) -> str:
        count, text = len(self.sentences), _quoted(self.sentences[0].text)
        if len(self.labels) > 1:
            return f"{count} texts like {text} stand in {_names(self.labels)}"
        return f"{count} texts like {text} in {_name(self.labels[0])}"

    def _advice(self) -> str:
        if len(self.labels) > 1:
            return "Keep them in one intent."
        return "Keep one or two, and vary the words of the others."


@dataclass(frozen=True, slots=True)
class ThinIntent(Finding):
    """An intent with too few texts."""

    kind: ClassVar[str] = "thin"
    count: int

    def _summary(self) -> str:
        texts = "text" if self.count == 1 else "texts"
        return f"{_name(self.labels[0])} has {self.count} {texts}"

    def _advice(self) -> str:
        return "Add texts in other words: five work, ten are good."


@dataclass(frozen=True, slots=True)
class UnbalancedIntent(Finding):
    """An intent with many more texts than the others; `median` is the usual number."""

    kind: ClassVar[str] = "unbalanced"
    count: int
    median: float

    def _summary(self) -> str:
        label = _name(self.labels[0])
        return f"{label} has {self.count} texts, and intents have {self.median:g} as a rule"

    def _advice(self) -> str:
        return "Add texts to the others, or split it if it holds several topics."


@dataclass(frozen=True, slots=True)
class TwoTopics(Finding):
    """An intent that falls into two groups; the first `first_size` sentences are one of them.

    `separation` is the variance between the groups, relative to that of the intents as a rule.
    """

    kind: ClassVar[str] = "two topics"
    first_size: int
    separation: float

    @property
    def groups(self) -> tuple[tuple[Sentence, ...], tuple[Sentence, ...]]:
        """The sentences of both groups, those nearest to the middle of each first."""
        return self.sentences[: self.first_size], self.sentences[self.first_size :]

    def _summary(self) -> str:
        first, second = (_quoted(group[0].text) for group in self.groups)
        return f"{_name(self.labels[0])} has two topics: texts like {first} and like {second}"

    def _advice(self) -> str:
        return "Split it if the bot should answer them differently."


@dataclass(frozen=True, slots=True)
class TooLong(Finding):
    """A text that the encoder cannot read whole."""

    kind: ClassVar[str] = "too long"

    def _summary(self) -> str:
        label = _name(self.labels[0])
        return f"{_quoted(self.sentences[0].text)} in {label} is too long to be read whole"

    def _advice(self) -> str:
        return "Cut it to what a user would write."


def _name(label: Label | None) -> str:
    return one_line(label)


def _names(labels: tuple[Label, ...]) -> str:
    return ", ".join(map(_name, labels[:-1])) + f" and {_name(labels[-1])}"


def _quoted(text: str, longest: int = 60) -> str:
    line = one_line(text)
    return f'"{line}"' if len(line) <= longest else f'"{line[: longest - 3]}..."'
