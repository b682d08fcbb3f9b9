"""The kinds of examples: a text, a pair of texts, marked mentions, candidates; the one check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from fsl_nlp.errors import DataError
from fsl_nlp.inputs.candidates import without_blank
from fsl_nlp.inputs.mentions import MENTIONS as BOTH
from fsl_nlp.inputs.mentions import check_spans
from fsl_nlp.types import Example

TEXT, PAIR, MENTIONS, CANDIDATES = "text", "pair", "mentions", "candidates"
KINDS = (TEXT, PAIR, MENTIONS, CANDIDATES)

_SINGULAR = {
    TEXT: "a single text",
    PAIR: "a pair of texts",
    MENTIONS: "a text with marked mentions",
    CANDIDATES: "a text with candidates",
}
_PLURAL = {
    TEXT: "single texts",
    PAIR: "pairs of texts",
    MENTIONS: "texts with marked mentions",
    CANDIDATES: "texts with candidates",
}
# How to write an example of each kind.
_WRITTEN = {
    TEXT: "Example(text)",
    PAIR: "Example(text, text_b=...)",
    MENTIONS: "Example(text, head=(start, end), tail=(start, end))",
    CANDIDATES: "Example(text, candidates=(...))",
}


def kinds_of(example: Example) -> tuple[str, ...]:
    """The kinds of an example; it may have several, which prompts can read.

    >>> kinds_of(Example("a")), kinds_of(Example("a", text_b="b", candidates=("c", "d")))
    (('text',), ('pair', 'candidates'))
    """
    kinds = []
    if example.text_b is not None:
        kinds.append(PAIR)
    if example.head is not None or example.tail is not None:
        kinds.append(MENTIONS)
    if example.candidates:
        kinds.append(CANDIDATES)
    return tuple(kinds) or (TEXT,)


def common_kinds(examples: Sequence[Example], argument: str = "examples") -> tuple[str, ...]:
    """The kinds of all examples; a mixture is refused.

    >>> common_kinds([Example("a", text_b="b"), Example("c", text_b="d")])
    ('pair',)
    """
    if not examples:
        return (TEXT,)
    kinds = kinds_of(examples[0])
    for i, example in enumerate(examples):
        if kinds_of(example) != kinds:
            raise DataError(
                f"{argument}[0] is {in_words(kinds)} and {argument}[{i}] is "
                f"{in_words(kinds_of(example))}: {example.text[:40]!r}. All must be of one kind."
            )
    return kinds


def in_words(kinds: Sequence[str], *, plural: bool = False) -> str:
    """Kinds in words, for messages.

    >>> in_words(("pair", "mentions"))
    'a pair of texts and a text with marked mentions'
    """
    return " and ".join((_PLURAL if plural else _SINGULAR)[kind] for kind in kinds)


@dataclass(frozen=True)
class Inputs:
    """What a fitted classifier takes.

    `kinds`: what every example must be.
    `optional`: kinds that it may have too; the classifier does not use them.
    `candidates`: how many candidates every example has.
    `blank`: what stands in a text where a candidate belongs.
    `mentions`: those that every example with mentions marks; a prompt may need one of them.

    >>> Inputs(("pair",)).check([Example("a", text_b="b")])
    """

    kinds: tuple[str, ...] = (TEXT,)
    optional: tuple[str, ...] = ()
    candidates: int = 0
    blank: str | None = None
    mentions: tuple[str, ...] = BOTH

    def check(
        self, examples: Sequence[Example], argument: str = "examples", first: int = 0
    ) -> None:
        """Refuse the first example that is of another kind.

        `first` is the number of the first example in messages, for a part of a longer list.
        """
        for i, example in enumerate(examples, first):
            self._check(example, f"{argument}[{i}]")

    def _check(self, example: Example, name: str) -> None:
        kinds = kinds_of(example)
        required = set(self.kinds) - {TEXT}
        if not required <= set(kinds) <= {*self.kinds, *self.optional, TEXT}:
            form = ", ".join(_WRITTEN[kind] for kind in self.kinds)
            raise DataError(
                f"{name} is {in_words(kinds)}, and this classifier was fitted on "
                f"{in_words(self.kinds, plural=True)}: {example.text[:40]!r}. Give {form}, or fit "
                "a classifier on such examples."
            )
        if MENTIONS in self.kinds:
            check_spans(example, self.mentions)
        if CANDIDATES in self.kinds and len(example.candidates) != self.candidates:
            raise DataError(
                f"{name} has {len(example.candidates)} candidates, and this classifier chooses "
                f"among {self.candidates}: {example.text[:40]!r}."
            )

    def example_of(self, text: str) -> Example:
        """An example of these kinds, made of one text.

        >>> Inputs(("pair",)).example_of("where is it").text_b
        'where'
        """
        if CANDIDATES in self.kinds:
            candidates = tuple(f"{text} {i}" for i in range(self.candidates))
            return Example(
                without_blank(text, self.blank) + (self.blank or ""), candidates=candidates
            )
        if MENTIONS in self.kinds:
            return Example(text, head=(0, 1), tail=(len(text) - 1, len(text)))
        return Example(text, text_b=text[: len(text) // 2] if PAIR in self.kinds else None)

    def to_dict(self) -> dict[str, Any]:
        """The kinds, and what differs from the defaults, in plain types for JSON.

        >>> Inputs(("pair",)).to_dict()
        {'kinds': ['pair']}
        """
        default = Inputs(self.kinds)
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if name == "kinds" or value != getattr(default, name)
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Inputs:
        """The inputs with these values of `to_dict`.

        >>> Inputs.from_dict({"kinds": ["pair"]}).kinds
        ('pair',)
        """
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in saved.items()
        }
        return cls(**values)
