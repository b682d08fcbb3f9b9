"""The words that an answer rests on: leave each out, and see how the odds of the label change.

Leaving out words treats a classifier as a black box, so it serves every method (Li, Monroe,
Jurafsky 2016, arXiv 1612.08220). Chinese is written without spaces: two characters that the
training texts often have side by side are one word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.types import Influence, Span

_MOST = 60  # words of a text; neighbours of a longer one are left out together
# Two characters are a word if this share of their uses is side by side (the geometric mean of both
# shares, squared). Chosen by reading training texts of support_zh.
_LEAST_COHESION = 0.03

_CHARACTERS = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # each is a unit
_MARKS = (
    r"!-/:-@\[-`{-~\u00a1\u00ab\u00bb\u00bf\u2010-\u2027\u2030-\u205e\u3000-\u303f"
    r"\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_LETTERS = rf"[^\s\x00{_MARKS}{_CHARACTERS}]+"
_UNIT = re.compile(rf"[{_CHARACTERS}]|{_LETTERS}(?:['’.@_-]{_LETTERS})*")
_IS_CHARACTER = re.compile(f"[{_CHARACTERS}]")

Probabilities = Callable[[list[str]], NDArray[np.floating[Any]]]


def influences(text: str, probabilities: Probabilities, corpus: str = "") -> tuple[Influence, ...]:
    """What each word of a text does for its most probable label, in the order of the text.

    `probabilities` gives rows [n, N] for n texts; it is asked once. `corpus` are texts that show
    the words of Chinese. A text of a single word has no influences.

    >>> def ask(texts):
    ...     sure = np.array([0.9 if "parcel" in text else 0.5 for text in texts])
    ...     return np.stack([sure, 1 - sure], axis=1)
    >>> [(i.text, round(i.change, 1)) for i in influences("my parcel?", ask)]
    [('my', 0.0), ('parcel', 2.2)]
    """
    spans = words(text, corpus)
    if len(spans) < 2:
        return ()
    whole, *rows = probabilities([text, *(without(text, span) for span in spans)])
    best = int(whole.argmax())
    before = _log_odds(whole, best)
    return tuple(
        Influence(text[slice(*span)], *span, before - _log_odds(row, best))
        for span, row in zip(spans, rows, strict=True)
    )


def words(text: str, corpus: str = "") -> list[Span]:
    """The places of the words of a text; of a long text, several neighbours together.

    >>> [text[slice(*s)] for text in ("don't 退款!",) for s in words(text, "退款 我要退款")]
    ["don't", '退款']
    """
    units = [match.span() for match in _UNIT.finditer(text)]
    if len(units) > _MOST:
        size = -(-len(units) // _MOST)
        groups = (units[i : i + size] for i in range(0, len(units), size))
        return [(group[0][0], group[-1][1]) for group in groups]
    return _joined(text, units, corpus)


def without(text: str, span: Span) -> str:
    """The text without a span, and without one of the two spaces that are left.

    >>> without("where is my parcel", (6, 8))
    'where my parcel'
    """
    before, after = text[: span[0]], text[span[1] :]
    return before + (after.lstrip(" ") if not before or before.endswith(" ") else after)


def _joined(text: str, units: Sequence[Span], corpus: str) -> list[Span]:
    """The units, with the pairs of characters joined that have the largest sum of cohesions."""
    best: list[tuple[float, list[Span]]] = [(0.0, [])]
    for end, unit in enumerate(units, 1):
        value, spans = best[end - 1]
        ways = [(value, [*spans, unit])]
        if end > 1 and units[end - 2][1] == unit[0]:
            pair = (units[end - 2][0], unit[1])
            cohesion = _cohesion(text[slice(*pair)], corpus)
            if cohesion >= _LEAST_COHESION:
                value, spans = best[end - 2]
                ways.append((value + cohesion, [*spans, pair]))
        best.append(max(ways, key=lambda way: way[0]))
    return best[-1][1]


def _cohesion(pair: str, corpus: str) -> float:
    """The squared count of a pair over the counts of its characters; 0 if it is seen only once."""
    together = corpus.count(pair) if len(pair) == len(_IS_CHARACTER.findall(pair)) == 2 else 0
    if together < 2:
        return 0.0
    return together**2 / (corpus.count(pair[0]) * corpus.count(pair[1]))


def _log_odds(row: NDArray[np.floating[Any]], label: int) -> float:
    """log(p / (1 - p)) of a label; the others are added up, since 1 - p of a sure label is 0."""
    others = float(np.delete(row, label).sum())
    return float(np.log(max(float(row[label]), 1e-300)) - np.log(max(others, 1e-300)))
