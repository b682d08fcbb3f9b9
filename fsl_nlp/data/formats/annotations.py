"""What annotation tools have in common: several answers to one question, and disagreement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fsl_nlp.data.records import Table, quoted, shortened

TEXT_KEYS = (
    "text",
    "sentence",
    "utterance",
    "query",
    "question",
    "input",
    "content",
    "文本",
    "句子",
)


def text_key(records: Iterable[Mapping[str, Any]]) -> str | None:
    """The key of the text: a usual name, or the only one that holds strings; else None.

    >>> text_key([{"id": 1, "review": "good"}]), text_key([{"title": "a", "Text": "b"}])
    ('review', 'Text')
    """
    keys = dict.fromkeys(
        key for values in records for key, value in values.items() if isinstance(value, str)
    )
    usual = [key for name in TEXT_KEYS for key in keys if key.casefold() == name]
    if usual:
        return usual[0]
    return next(iter(keys)) if len(keys) == 1 else None


def holds(table: Table, column: str, kind: type) -> bool:
    """Whether a column holds values of this type."""
    return any(isinstance(record.values.get(column), kind) for record in table.records)


def agreed(answers: Iterable[tuple[Any, str]]) -> Any:
    """The label of all answers, None if there are none; a ValueError names those that differ.

    Each answer is the chosen label or labels, and who gave it.

    >>> agreed([("refund", "ann"), (["refund"], "bob")])
    'refund'
    >>> agreed([("refund", "ann"), ("track", "bob")])
    Traceback (most recent call last):
        ...
    ValueError: annotators disagree: "refund" (ann), "track" (bob)
    """
    given = [(_single(value), author) for value, author in answers]
    first = {_key(label): (label, author) for label, author in reversed(given)}
    if len(first) > 1:
        shown = ", ".join(
            f"{_show(label)} ({author})" for label, author in reversed(first.values())
        )
        raise ValueError(f"annotators disagree: {shown}")
    return given[0][0] if given else None


def _single(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        shown = ", ".join(map(_show, value)) or "none"
        raise ValueError(f"it has {len(value)} labels ({shown}), and a text needs one")
    return value[0]


def _key(label: Any) -> str:
    return f"{type(label).__name__} {label}"


def _show(label: object) -> str:
    return quoted(label) if isinstance(label, str) else shortened(repr(label))
