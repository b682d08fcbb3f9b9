"""Records to examples: checks every value, merges duplicates, finds contradictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from fsl_nlp.data.columns import Columns
from fsl_nlp.data.records import Problem, Record, Table, quoted, shortened
from fsl_nlp.types import LONE_SURROGATE, WHOLE_NUMBERS, Example, Label

Positioned = tuple[int, Example]  # the position of a record, and its example


def row_maker(columns: Columns, *, labelled: bool = True) -> Callable[[Record], Example]:
    """A function that makes an example of a table's row, or raises a ValueError.

    >>> row_maker(Columns("text"), labelled=False)(Record(2, {"text": " hi "})).text
    'hi'
    """

    def make(record: Record) -> Example:
        return Example(
            text=read_text(record.values.get(columns.text)),
            label=read_label(_value(record, columns.label), needed=labelled),
            id=read_id(_value(record, columns.id)),
            text_b=_second_text(record, columns.text_b),
        )

    return make


def read_examples(
    records: Sequence[Record], make: Callable[[Record], Example]
) -> tuple[list[Positioned], list[Problem]]:
    """The examples of the usable records, and a problem for each unusable one.

    >>> read_examples([Record(2, {"text": " "})], row_maker(Columns("text"), labelled=False))
    ([], [Problem(positions=(2,), reason='the text is empty')])
    """
    examples, problems = [], []
    for record in records:
        try:
            examples.append((record.position, make(record)))
        except ValueError as error:
            problems.append(Problem((record.position,), str(error)))
    return examples, problems


def merge_duplicates(
    examples: Sequence[Positioned], table: Table
) -> tuple[list[Positioned], list[Problem]]:
    """Each text or pair once; one with more than one label is a problem and is removed."""
    by_text: dict[tuple[str, str | None], list[Positioned]] = {}
    for position, example in examples:
        key = example.text, example.text_b
        by_text.setdefault(key, []).append((position, example))
    kept, problems = [], []
    for (text, _), duplicates in by_text.items():
        first_of = {example.label: position for position, example in reversed(duplicates)}
        if len(first_of) == 1:
            kept.append(duplicates[0])
            continue
        labels = ", ".join(
            f"{table.locate(position)} {_show(label)}"
            for label, position in sorted(first_of.items(), key=lambda item: item[1])
        )
        positions = tuple(position for position, _ in duplicates)
        problems.append(Problem(positions, f"{quoted(text)} has more than one label: {labels}"))
    return kept, problems


def read_text(value: Any, role: str = "text") -> str:
    """A text without the white space around it, or a ValueError that calls it `role`.

    >>> read_text(" where is my parcel ")
    'where is my parcel'
    """
    if _is_missing(value):
        raise ValueError(f"the {role} is missing")
    if not isinstance(value, str):
        raise ValueError(f"the {role} is not a string but {_show(value)} ({type(value).__name__})")
    text = _clean(value, role)
    if not text:
        raise ValueError(f"the {role} is empty")
    return text


def read_label(value: Any, *, needed: bool = True) -> Label | None:
    """A label as string or whole number, or a ValueError; None if it is missing and not needed.

    >>> read_label(" track "), read_label(3.0), read_label("3")
    ('track', 3, '3')
    """
    # pandas turns a column of whole numbers with a gap into floats.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        value = _clean(value, "label") or None
    if _is_missing(value):
        if needed:
            raise ValueError("the label is missing")
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(
            f"the label {_show(value)} ({type(value).__name__}) "
            "is neither a string nor a whole number"
        )
    if isinstance(value, int) and value not in WHOLE_NUMBERS:
        raise ValueError(f"the label {_show(value)} is a number beyond 64 bits; quote it")
    return value


def read_id(value: Any) -> str | None:
    """An id as text; None if it is missing."""
    if _is_missing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _value(record: Record, column: str | None) -> Any:
    return None if column is None else record.values.get(column)


def _second_text(record: Record, column: str | None) -> str | None:
    return read_text(record.values.get(column), "second text") if column else None


def _clean(value: str, role: str) -> str:
    if "\0" in value:
        raise ValueError(f"the {role} holds a NUL character")
    if LONE_SURROGATE.search(value):  # JSON can escape one half of a pair
        raise ValueError(f"the {role} holds half a character (a lone surrogate)")
    return value.strip()


def _show(value: object) -> str:
    if isinstance(value, date):
        return str(value)
    return quoted(value) if isinstance(value, str) else shortened(repr(value))
