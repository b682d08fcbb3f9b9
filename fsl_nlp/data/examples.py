"""Records to examples: every value checked, doubles merged, contradictions found."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from fsl_nlp.data.columns import Columns
from fsl_nlp.data.records import Problem, Record, Table, quoted, shortened
from fsl_nlp.types import Example, Label

_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can escape one half of a pair
Placed = tuple[int, Example]  # an example and the place of its record


def row_maker(columns: Columns, *, labelled: bool = True) -> Callable[[Record], Example]:
    """How a row of a table becomes an example, or a ValueError.

    >>> row_maker(Columns("text"), labelled=False)(Record(2, {"text": " hi "})).text
    'hi'
    """

    def make(record: Record) -> Example:
        return Example(
            text=read_text(record.values.get(columns.text)),
            label=read_label(_value(record, columns.label), needed=labelled),
            id=read_id(_value(record, columns.id)),
        )

    return make


def read_examples(
    records: Sequence[Record], make: Callable[[Record], Example]
) -> tuple[list[Placed], list[Problem]]:
    """The usable records, and a problem for each of the others.

    >>> read_examples([Record(2, {"text": " "})], row_maker(Columns("text"), labelled=False))
    ([], [Problem(places=(2,), what='the text is empty')])
    """
    examples, problems = [], []
    for record in records:
        try:
            examples.append((record.place, make(record)))
        except ValueError as error:
            problems.append(Problem((record.place,), str(error)))
    return examples, problems


def settle(examples: Sequence[Placed], table: Table) -> tuple[list[Placed], list[Problem]]:
    """Each text once; a text that bears several labels is a problem and goes out altogether."""
    seen: dict[str, list[Placed]] = {}
    for place, example in examples:
        seen.setdefault(example.text, []).append((place, example))
    kept, problems = [], []
    for text, twins in seen.items():
        first_of = {example.label: place for place, example in reversed(twins)}
        if len(first_of) == 1:
            kept.append(twins[0])
            continue
        labels = ", ".join(
            f"{table.where(place)} {_shown(label)}"
            for label, place in sorted(first_of.items(), key=lambda item: item[1])
        )
        places = tuple(place for place, _ in twins)
        problems.append(Problem(places, f"{quoted(text)} has more than one label: {labels}"))
    return kept, problems


def read_text(value: Any) -> str:
    """A text without the white space around it, or a ValueError that says what is wrong."""
    if _is_missing(value):
        raise ValueError("the text is missing")
    if not isinstance(value, str):
        raise ValueError(f"the text is not a string but {_shown(value)} ({type(value).__name__})")
    text = _clean(value, "text")
    if not text:
        raise ValueError("the text is empty")
    return text


def read_label(value: Any, *, needed: bool = True) -> Label | None:
    """A label as string or whole number, or a ValueError that says what is wrong.

    >>> read_label(" track "), read_label(3.0), read_label("3")
    ('track', 3, '3')
    """
    # pandas turns a column of whole numbers with a gap into floats.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        value = _clean(value, "label") or None
    if _is_missing(value):
        if needed:
            raise ValueError("the label is missing")
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(
            f"the label {_shown(value)} ({type(value).__name__}) "
            "is neither a string nor a whole number"
        )
    return value


def read_id(value: Any) -> str | None:
    """A number or a text, as text."""
    if _is_missing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _value(record: Record, column: str | None) -> Any:
    return None if column is None else record.values.get(column)


def _clean(value: str, what: str) -> str:
    if "\0" in value:
        raise ValueError(f"the {what} holds a NUL character")
    if _SURROGATE.search(value):
        raise ValueError(f"the {what} holds half a character (a lone surrogate)")
    return value.strip()


def _shown(value: object) -> str:
    return quoted(value) if isinstance(value, str) else shortened(repr(value))
