"""The clauses of a message, in English and Chinese, and which of them belong together."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace

from fsl_nlp.scripts import HAN
from fsl_nlp.types import Prediction

_ENGLISH = "and|also|then|plus|besides"
_CHINESE = "还有|另外|此外|以及|并且|同时|顺便|再就是|对了|還有|並且|同時|順便|對了"
# Between clauses: the end of a sentence, a comma that is no part of a number, a conjunction.
_BETWEEN = re.compile(
    rf"[.!?…;]+(?=\s|$)|[。！？；，、\n]+|,(?!\d)|\s(?=(?:{_ENGLISH})\s)|(?={_CHINESE})",
    re.IGNORECASE,
)
_JOIN = re.compile(rf"(?:(?:{_ENGLISH})\b|{_CHINESE}|[\s,，、])+", re.IGNORECASE)
_WORD = re.compile(rf"[{HAN}]|[^\W_]+")
_FEWEST_WORDS = 2  # of a clause; a character of Chinese is a word
_MOST = 6  # clauses of a message: there are 21 ways to take neighbours of 6
_LEAST_CONFIDENCE = 0.5  # of a part
_LONGEST_MESSAGE = 4000  # characters that are divided into parts; a longer text is no message

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


def possible_parts(text: str) -> dict[Span, str]:
    """All that could be a part of a message: the clauses of each, and its text. The whole is first.

    >>> possible_parts("我的快递到哪了，另外我想开发票")[1, 2]
    '我想开发票'
    """
    divided = clauses(text) if len(text) <= _LONGEST_MESSAGE else [text]
    whole, *parts = spans(len(divided))
    return {whole: text} | {span: without_joins("".join(divided[slice(*span)])) for span in parts}


def answers_of_parts(text: str, predictions: Mapping[Span, Prediction]) -> list[Prediction]:
    """The predictions of the parts of a message, of those of `possible_parts`.

    Neighbours with the same label are one part.
    """
    whole = next(iter(predictions))
    confidences = {span: prediction.confidence for span, prediction in predictions.items()}
    groups: list[list[Span]] = []
    for span in divide(whole[1], confidences):
        if groups and predictions[groups[-1][0]].label == predictions[span].label:
            groups[-1].append(span)
        else:
            groups.append([span])
    if len(groups) == 1:
        return [predictions[whole]]
    message, answers = clauses(text), []
    for group in groups:
        surest = max(group, key=confidences.__getitem__)
        part = without_joins("".join(message[group[0][0] : group[-1][1]]))
        answers.append(replace(predictions[surest], part=part))
    return answers


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
