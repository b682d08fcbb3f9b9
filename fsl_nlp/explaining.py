"""The words that an answer rests on: leave each out, and see how the odds of the label change.

Leaving out words treats a classifier as a black box, so it serves every method (Li, Monroe,
Jurafsky 2016, arXiv 1612.08220). Chinese is written without spaces, so every character and every
two neighbours are left out; the pairs that change most are the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.types import Influence, Span

_MOST = 60  # spans of a text; neighbours of a longer one are left out together
_CHARACTERS = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # each is a unit
_MARKS = (
    r"!-/:-@\[-`{-~\u00a1\u00ab\u00bb\u00bf\u2010-\u2027\u2030-\u205e\u3000-\u303f"
    r"\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_LETTERS = rf"[^\s\x00{_MARKS}{_CHARACTERS}]+"
_UNIT = re.compile(rf"[{_CHARACTERS}]|{_LETTERS}(?:['’.@_-]{_LETTERS})*")
_IS_CHARACTER = re.compile(f"[{_CHARACTERS}]")

Probabilities = Callable[[list[str]], NDArray[np.floating[Any]]]


def influences(text: str, probabilities: Probabilities) -> tuple[Influence, ...]:
    """What each word of a text does for its most probable label, in the order of the text.

    `probabilities` gives rows [n, N] for n texts; it is asked once. A text without a word to leave
    out, such as a single word, has no influences.

    >>> def ask(texts):
    ...     sure = np.array([0.9 if "parcel" in text else 0.5 for text in texts])
    ...     return np.stack([sure, 1 - sure], axis=1)
    >>> [(i.text, round(i.change, 1)) for i in influences("my parcel?", ask)]
    [('my', 0.0), ('parcel', 2.2)]
    """
    singles, pairs = _candidates(text)
    variants = {span: without(text, span) for span in (*singles, *pairs)}
    variants = {span: variant for span, variant in variants.items() if variant.strip()}
    if not variants:
        return ()
    whole, *rows = probabilities([text, *variants.values()])
    best = int(whole.argmax())
    before = _log_odds(whole, best)
    changes = {
        span: before - _log_odds(row, best) for span, row in zip(variants, rows, strict=True)
    }
    return tuple(
        Influence(text[slice(*span)], *span, changes[span])
        for span in _divided(singles, pairs, changes)
        if span in changes
    )


def without(text: str, span: Span) -> str:
    """The text without a span, and without one of the two spaces that are left.

    >>> without("where is my parcel", (6, 8))
    'where my parcel'
    """
    before, after = text[: span[0]], text[span[1] :]
    return before + (after.lstrip(" ") if not before or before.endswith(" ") else after)


def _candidates(text: str) -> tuple[list[Span], list[Span]]:
    """The words and characters of a text, and the pairs of neighbouring characters.

    Of a long text, neighbouring words are one, and there are no pairs.
    """
    units = [match.span() for match in _UNIT.finditer(text)]
    if len(units) > _MOST:
        size = -(-len(units) // _MOST)
        groups = (units[i : i + size] for i in range(0, len(units), size))
        return [(group[0][0], group[-1][1]) for group in groups], []
    pairs = [
        (first[0], second[1])
        for first, second in pairwise(units)
        if first[1] == second[0] and _is_character(text, first) and _is_character(text, second)
    ]
    return units, pairs


def _is_character(text: str, span: Span) -> bool:
    return _IS_CHARACTER.match(text, span[0]) is not None


def _divided(
    singles: Sequence[Span], pairs: Sequence[Span], changes: dict[Span, float]
) -> list[Span]:
    """The spans that divide a text: the pairs that change most, and the singles between them."""
    taken: list[Span] = []
    for pair in sorted((p for p in pairs if p in changes), key=lambda p: (-abs(changes[p]), p)):
        if all(pair[1] <= other[0] or other[1] <= pair[0] for other in taken):
            taken.append(pair)
    between = [s for s in singles if not any(t[0] <= s[0] < t[1] for t in taken)]
    return sorted([*taken, *between])


def _log_odds(row: NDArray[np.floating[Any]], label: int) -> float:
    """log(p / (1 - p)) of a label; the others are added up, since 1 - p of a sure label is 0."""
    others = float(np.delete(row, label).sum())
    return float(np.log(max(float(row[label]), 1e-300)) - np.log(max(others, 1e-300)))
