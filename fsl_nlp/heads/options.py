"""Checks of a head's options: each error names the option, its value and what it may be."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

from fsl_nlp.errors import OptionError


def require_above(name: str, value: float, bound: float, why: str = "") -> None:
    """Refuse a value that is no number above the bound; `why` is added to the message.

    >>> require_above("C", -1, 0, "larger fits closer")
    Traceback (most recent call last):
    fsl_nlp.errors.OptionError: C=-1: must be greater than 0 (larger fits closer).
    """
    if not (_is_number(value) and value > bound):
        reason = f" ({why})" if why else ""
        raise OptionError(f"{name}={value!r}: must be greater than {bound}{reason}.")


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value that is no number from `low` to `high`, both included."""
    if not (_is_number(value) and low <= value <= high):
        raise OptionError(f"{name}={value!r}: must be from {low} to {high}.")


def require_count(name: str, value: int, least: int = 1) -> None:
    """Refuse a value that is no whole number, or is below `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise OptionError(f"{name}={value!r}: must be a whole number, at least {least}.")


def require_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a value that is not one of the choices.

    >>> require_choice("distance", "far", ["cosine", "euclidean"])
    Traceback (most recent call last):
    fsl_nlp.errors.OptionError: distance='far': choose one of 'cosine', 'euclidean'.
    """
    if value not in choices:
        raise OptionError(f"{name}={value!r}: choose one of {', '.join(map(repr, choices))}.")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
