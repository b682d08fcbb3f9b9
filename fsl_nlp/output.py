"""What is shown on a terminal or written as JSON, safe for whatever reads it.

Texts, labels and file names come from strangers. A control character in them could recolour a
terminal, move its cursor or hide a line; NaN would make JSON that other languages refuse.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

# C0 without tab and line feed, DEL, C1, and what Unicode says of lines and the direction of
# writing. Joiners stay: emoji and some scripts are written with them.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(f"[{_CONTROLS}]")
_UNSAFE_IN_A_LINE = re.compile(f"[{_CONTROLS}\t\n]")
_ESCAPES = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def visible(text: str) -> str:
    r"""The text with control characters as Python writes them; lines and tabs stay.

    >>> visible("a\x1b[31mred\u202e\nnext")
    'a\\x1b[31mred\\u202e\nnext'
    """
    return _UNSAFE.sub(_escape, text)


def one_line(text: object) -> str:
    r"""The text in one line, with control characters, ends of lines and tabs as Python writes them.

    >>> one_line("first\nsecond")
    'first\\nsecond'
    """
    return _UNSAFE_IN_A_LINE.sub(_escape, str(text))


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def to_json(value: Any, *, indent: int | None = None) -> str:
    r"""The value as JSON; numbers that JSON does not have (NaN, infinity) become null.

    >>> to_json({"accuracy": 0.5, "half_width": float("nan")})
    '{"accuracy": 0.5, "half_width": null}'
    """
    text = json.dumps(without_nan(value), ensure_ascii=False, allow_nan=False, indent=indent)
    # Control characters stand in strings only, where JSON takes this form of them as well.
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def without_nan(value: Any) -> Any:
    """The value with None instead of NaN and infinity, which JSON does not have.

    >>> without_nan({"value": 0.5, "half_width": float("nan")})
    {'value': 0.5, 'half_width': None}
    """
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def percent(
    value: float,
    half_width: float | None = None,
    digits: int = 2,
    *,
    sign: str = "",
    interval: Sequence[float] | None = None,
) -> str:
    """A share in percent, with the half-width of its interval if there is one.

    `sign` is "+" for a difference. Where the ends of the `interval` are not nearly as far from the
    value, as near 100%, they are shown instead.

    >>> percent(0.5, 0.01), percent(0.5, None), percent(0.5, float("nan"))
    ('50.00% ± 1.00%', '50.00%', '50.00%')
    >>> percent(0.5, 0.1, 0, interval=(0.4, 0.6)), percent(1.0, 0.02, 0, interval=(0.96, 1.0))
    ('50% ± 10%', '100% (96% to 100%)')
    """
    text = f"{value:{sign}.{digits}%}"
    if interval is not None and not _is_symmetric(value, *interval):
        return f"{text} ({interval[0]:.{digits}%} to {interval[1]:.{digits}%})"
    if half_width is None or math.isnan(half_width):
        return text
    return f"{text} ± {half_width:.{digits}%}"


def _is_symmetric(value: float, low: float, high: float) -> bool:
    """Whether the ends are equally far from the value, but for a fifth; NaN says yes."""
    shorter, longer = sorted((value - low, high - value))
    return not shorter < 0.8 * longer
