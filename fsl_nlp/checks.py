"""What a user passes in Python, checked: every error names the argument and the entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from fsl_nlp.errors import DataError
from fsl_nlp.types import Label


def as_texts(values: Any, argument: str, *, allow_empty: bool = False) -> list[str]:
    """A flat list of strings, from any sequence, numpy array or pandas column.

    >>> as_texts(np.array(["a", "b"]), "texts")
    ['a', 'b']
    """
    items = _as_list(values, argument)
    for i, item in enumerate(items):
        if not isinstance(item, str):
            raise DataError(f"{argument}[{i}] must be a string, got {_describe(item)}.")
        if not item.strip() and not allow_empty:
            raise DataError(f"{argument}[{i}] is empty. Leave it out, or write what it should say.")
    return [str(item) for item in items]


def as_labels(values: Any, argument: str) -> list[Label]:
    """A flat list of strings or whole numbers.

    >>> as_labels([np.int64(3), "refund"], "labels")
    [3, 'refund']
    """
    labels: list[Label] = []
    for i, item in enumerate(_as_list(values, argument)):
        if isinstance(item, str):
            labels.append(str(item))
        elif isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            labels.append(int(item))
        else:
            raise DataError(
                f"{argument}[{i}] must be a string or a whole number, got {_describe(item)}."
            )
    return labels


def _as_list(values: Any, argument: str) -> list[Any]:
    if isinstance(values, (str, bytes)) or values is None:
        raise DataError(f"{argument} must be a list, got {_describe(values)}.")
    shape = getattr(values, "shape", None)
    if shape is not None and len(shape) != 1:
        raise DataError(
            f"{argument} must have one dimension, got shape {tuple(shape)}. "
            "Of a table, pass one column."
        )
    try:
        return list(values)
    except TypeError:
        raise DataError(f"{argument} must be a list, got {_describe(values)}.") from None


def _describe(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 40 else shown[:37] + '...'}"
