"""Whether an answer has the shape of a recorded one."""

from __future__ import annotations

from typing import Any


def same_shape(value: Any, recorded: Any) -> bool:
    """The same fields, of the same types; each row of a list as the first of the recorded one.

    >>> same_shape({"a": [1.5, 2.5]}, {"a": [0.5]}), same_shape({"a": 1}, {"b": 1})
    (True, False)
    """
    if isinstance(recorded, dict):
        return (
            isinstance(value, dict)
            and set(value) == set(recorded)
            and all(same_shape(value[name], recorded[name]) for name in recorded)
        )
    if isinstance(recorded, list):
        return isinstance(value, list) and all(
            not recorded or same_shape(row, recorded[0]) for row in value
        )
    return type(value) is type(recorded)
