"""A training example as an object of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fsl_nlp.types import Example


def example_fields(example: Example) -> dict[str, Any]:
    """The fields of an example that hold something.

    >>> example_fields(Example("where is my parcel", "track"))
    {'text': 'where is my parcel', 'label': 'track'}
    """
    fields = {name: value for name, value in asdict(example).items() if value not in (None, ())}
    if example.weight == 1:
        del fields["weight"]
    return fields


def example_of(saved: Mapping[str, Any]) -> Example:
    """The example with these fields; others are ignored.

    >>> example_of({"text": "a b", "head": [0, 1]}).head
    (0, 1)
    """
    # JSON has lists where spans and candidates are tuples.
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()
    }
    return Example(**{name: fields[name] for name in Example.__slots__ if name in fields})
