"""Options of settings classes: their meaning, and checks whose errors name option and value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, TypeVar, Union, get_args, get_origin, get_type_hints

from fsl_nlp.errors import OptionError, did_you_mean

T = TypeVar("T")

# Types of options: the values that each takes, and its name in help and in messages.
_TYPES: dict[Any, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "whole number"),
    float: (Real, "number"),
    str: (str, "text"),
    NoneType: (NoneType, "None"),
}
# Sizes of numbers: beyond them float32 gives 0 or infinity, and a count fills the memory.
SMALLEST, LARGEST = 1e-15, 1e9
LARGEST_RANK = 4096  # of a matrix that is added to one of the encoder
_CONTAINERS = {list: "list", Mapping: "mapping"}


@dataclass(frozen=True)
class OptionInfo:
    """One option of a method: `type` is in words, `choices` are the texts that it may be."""

    name: str
    type: str
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()


def option(default: T, meaning: str, *, choices: Iterable[str] = ()) -> T:
    """A field of a settings class, with its meaning and, where it is a `str`, its choices.

    >>> @dataclass(frozen=True)
    ... class Settings:
    ...     epochs: int = option(10, "passes over the examples")
    >>> options_of(Settings)[0].meaning, Settings().epochs
    ('passes over the examples', 10)
    """
    made: Any = field(default=default, metadata={"meaning": meaning, "choices": tuple(choices)})
    return made


def options_of(settings: Any) -> tuple[OptionInfo, ...]:
    """The options of a settings class, or of an instance whose values are the defaults."""
    kind = settings if isinstance(settings, type) else type(settings)
    hints = get_type_hints(kind)
    infos = []
    for f in fields(kind):
        if f.metadata.get("learned"):
            continue
        default = f.default if settings is kind else getattr(settings, f.name)
        kinds = _kinds(hints[f.name])
        choices = f.metadata.get("choices") or tuple(k for k in kinds if isinstance(k, str))
        meaning = f.metadata.get("meaning", "")
        infos.append(OptionInfo(f.name, _in_words(kinds), default, meaning, choices))
    return tuple(infos)


def value_text(value: object) -> str:
    """A value as one writes it after NAME= on the command line.

    >>> value_text(True), value_text(None), value_text("cosine"), value_text(("a", "b"))
    ('true', 'None', 'cosine', '["a", "b"]')
    """
    if value is None or isinstance(value, str):
        return str(value)
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return str(value)


def check_options(
    owner: str,
    options: Mapping[str, Any],
    infos: Iterable[OptionInfo],
    having: Callable[[str], Sequence[str]] = lambda name: (),
) -> None:
    """Refuse a name that is not among the options of `owner`, and a value of another type.

    `having` gives others that have an option of a name.

    >>> check_options("method 'knn'", {"k": "many"}, [OptionInfo("k", "whole number", 5, "")])
    Traceback (most recent call last):
    fsl_nlp.errors.OptionError: k='many': must be a whole number. The default is 5.
    """
    by_name = {info.name: info for info in infos}
    for name, value in options.items():
        if name not in by_name:
            listed = ", ".join(f"{n} ({by_name[n].type})" for n in sorted(by_name))
            others = ", ".join(map(repr, having(name)))
            elsewhere = f" {others} have an option of this name." if others else ""
            raise OptionError(
                f"{owner} has no option {name!r}.{did_you_mean(name, by_name)} It has: {listed}."
                f"{elsewhere}"
            )
        info = by_name[name]
        if not _is_of_type(value, info.type):
            article = "" if info.type.startswith("true") else "a "
            raise OptionError(
                f"{name}={value!r}: must be {article}{info.type}. "
                f"The default is {value_text(info.default)}."
            )
        check_size(name, value)


def _kinds(hint: Any) -> tuple[Any, ...]:
    """What a type hint allows: types, and texts for a `Literal`."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    return get_args(hint) if origin is Literal else (origin or hint,)


def _in_words(kinds: Sequence[Any]) -> str:
    names = []
    for kind in kinds:
        name = "text" if isinstance(kind, str) else _CONTAINERS.get(kind) or _type_name(kind)
        names += [] if name in names else [name]
    return " or ".join(names)


def _type_name(kind: Any) -> str:
    # A head from outside may have options of other types.
    return _TYPES[kind][1] if kind in _TYPES else getattr(kind, "__name__", str(kind))


def _is_of_type(value: Any, type_in_words: str) -> bool:
    parts = type_in_words.replace("true or false", "bool").split(" or ")
    # Lists, mappings and types from outside are for the class of their settings to check.
    if not set(parts) <= {"bool", *(name for _, name in _TYPES.values())}:
        return True
    if isinstance(value, bool):  # to Python True is a number; to the user who writes it, it is not
        return "bool" in parts
    return any(name in parts and isinstance(value, kind) for kind, name in _TYPES.values())


def check_size(name: str, value: object) -> None:
    """Refuse a number that is not finite, too large or too near to 0; other values pass.

    >>> check_size("temperature", 1e-300)
    Traceback (most recent call last):
    fsl_nlp.errors.OptionError: temperature=1e-300: must be 0 or a number from 1e-15 to 1e+09.
    """
    if _is_number(value) and not (value == 0 or SMALLEST <= abs(value) <= LARGEST):
        raise OptionError(
            f"{name}={_short(value)}: must be 0 or a number from {SMALLEST:g} to {LARGEST:g}."
        )


def _short(value: object) -> str:
    shown = str(value)
    return shown if len(shown) <= 24 else f"{shown[:20]}..."


def require_above(name: str, value: float, bound: float, why: str = "") -> None:
    """Refuse a value that is no number above the bound; `why` is added to the message.

    >>> require_above("C", -1, 0, "larger fits closer")
    Traceback (most recent call last):
    fsl_nlp.errors.OptionError: C=-1: must be greater than 0 (larger fits closer).
    """
    check_size(name, value)
    if not (_is_number(value) and value > bound):
        reason = f" ({why})" if why else ""
        raise OptionError(f"{name}={value!r}: must be greater than {bound}{reason}.")


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value that is no number from `low` to `high`, both included."""
    check_size(name, value)
    if not (_is_number(value) and low <= value <= high):
        raise OptionError(f"{name}={value!r}: must be from {low} to {high}.")


def require_rate(name: str, value: float) -> None:
    """Refuse a learning rate that is not above 0, or is above 1: no training gets well by that."""
    require_above(name, value, 0)
    require_between(name, value, 0, 1)


def require_count(name: str, value: int, least: int = 1, most: int | None = None) -> None:
    """Refuse a value that is no whole number, is below `least` or above `most`."""
    check_size(name, value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise OptionError(f"{name}={value!r}: must be a whole number, at least {least}.")
    if most is not None and value > most:
        raise OptionError(f"{name}={value!r}: must be at most {most}.")


def require_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a value that is not one of the choices.

    >>> require_choice("distance", "far", ["cosine", "euclidean"])
    Traceback (most recent call last):
    fsl_nlp.errors.OptionError: distance='far': choose one of 'cosine', 'euclidean'.
    """
    if value not in choices:
        raise OptionError(f"{name}={value!r}: choose one of {', '.join(map(repr, choices))}.")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)
