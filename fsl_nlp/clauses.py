"""The clauses of a message, in English and Chinese, and which of them belong together."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

_ENGLISH = "and|also|then|plus|besides"
_CHINESE = "还有|另外|此外|以及|并且|同时|顺便|再就是|对了|還有|並且|同時|順便|對了"
# Between clauses: the end of a sentence, a comma that is no part of a number, a conjunction.
_BETWEEN = re.compile(
    rf"[.!?…;]+(?=\s|$)|[。！？；，、\n]+|,(?!\d)|\s(?=(?:{_ENGLISH})\s)|(?={_CHINESE})",
    re.IGNORECASE,
)
_JOIN = re.compile(rf"(?:(?:{_ENGLISH})\b|{_CHINESE}|[\s,，、])+", re.IGNORECASE)
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_]+")
_FEWEST_WORDS = 2  # of a clause; a character of Chinese is a word
_MOST = 6  # clauses of a message: there are 21 ways to take neighbours of 6
_LEAST_CONFIDENCE = 0.5  # of a part

Span = tuple[int, int]  # clauses: the first, and the one after the last


def clauses(text: str) -> list[str]:
    """The clauses of a text; together they are the text. A single word belongs to its neighbour.

    >>> clauses("Hi, where is my parcel, and can I change 1,000 coins?")
    ['Hi, where is my parcel,', ' and can I change 1,000 coins?']
    >>> clauses("我的快递到哪了，另外我想开发票")
    ['我的快递到哪了，', '另外我想开发票']
    """
    cuts = [0, *(match.end() for match in _BETWEEN.finditer(text)), len(text)]
    result, before = list[str](), ""
    for start, end in itertools.pairwise(cuts):
        clause, before = before + text[start:end], ""
        words = len(_WORD.findall(_without_join(clause)))
        if words >= _FEWEST_WORDS:
            result.append(clause)
        elif words and result:
            result[-1] += clause
        else:
            before = clause
    if result:
        result[-1] += before
    else:
        result.append(before)
    return [*result[: _MOST - 1], "".join(result[_MOST - 1 :])] if len(result) > _MOST else result


def spans(count: int) -> list[Span]:
    """All ways to take neighbours of some clauses; the whole is the first.

    >>> spans(2)
    [(0, 2), (0, 1), (1, 2)]
    """
    pairs = [(start, end) for start in range(count) for end in range(start + 1, count + 1)]
    return sorted(pairs, key=lambda span: (span != (0, count), span))


def without_joins(text: str) -> str:
    """A part of a message without what joins it to its neighbours.

    >>> without_joins(", and also where is it?")
    'where is it?'
    """
    return _without_join(text).strip(" \n,，、;；") or text


def _without_join(text: str) -> str:
    start = _JOIN.match(text)
    return text[start.end() :] if start else text


def divide(count: int, confidences: Mapping[Span, float]) -> list[Span]:
    """The spans that cover all clauses and have the largest product of confidences.

    An unsure part is none. (A bonus for each further part finds more pairs of intents, but takes
    single ones apart; this rule was chosen on training texts of both samples, cross-fitted.)

    >>> divide(2, {(0, 2): 0.5, (0, 1): 0.9, (1, 2): 0.8})
    [(0, 1), (1, 2)]
    >>> divide(2, {(0, 2): 0.5, (0, 1): 0.9, (1, 2): 0.4})
    [(0, 2)]
    """
    best: list[tuple[float, list[Span]]] = [(1.0, [])]
    for end in range(1, count + 1):
        ways = []
        for start in range(end):
            product, before = best[start]
            confidence = confidences[start, end]
            if confidence < _LEAST_CONFIDENCE and (start, end) != (0, count):
                confidence = 0.0
            ways.append((product * confidence, [*before, (start, end)]))
        best.append(max(ways, key=lambda way: way[0]))  # of equal ones that with fewest parts
    return best[count][1]
