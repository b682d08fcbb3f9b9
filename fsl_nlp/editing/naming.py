"""A name for a group of texts: the words that it has and other texts have not."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from fsl_nlp.scripts import HAN

_CHINESE = re.compile(f"[{HAN}]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_LENGTHS = (2, 3, 4)  # characters of a term in a text without spaces
_WORDS = 2  # in a name
# Characters and words of grammar and politeness, which say nothing of the subject.
_CHINESE_GRAMMAR = frozenset(
    "的了吗呢吧啊我你他她它您们这那哪是有在不没和就都也还要会能可以怎么什个到给把为很请想问"
)
_ENGLISH_GRAMMAR = """
the an and or of to in on at is are was were be been am do does did can could would should will
may might must have has had my your our their his her its me you we they he she it this that these
those what when where which who why how for from with without about there here if so not no yes
any some all just now please hi hello hey thanks thank want need get got tell know like much many
more than then too very up out by as but let us don doesn didn isn
"""
_ENGLISH = frozenset(_ENGLISH_GRAMMAR.split())


def name_of(texts: Sequence[str], others: Sequence[str], taken: Collection[object] = ()) -> str:
    """A name made of the words that most of the texts have, and few of the others.

    In Chinese the words are sequences of two to four characters. `taken` are names to avoid.

    >>> name_of(["will it rain today", "is rain likely today"], ["where is my parcel today"])
    'rain_today'
    >>> name_of(["明天北京会下雨吗", "上海下雨了吗"], ["我的包裹到哪了"])
    '下雨'
    """
    inside = Counter(term for text in texts for term in terms(text))
    outside = Counter(term for text in others for term in terms(text))
    total = len(texts) + len(others)

    def value(term: str) -> float:
        rarity = math.log(1 + total / (inside[term] + outside[term]))
        # A longer sequence of characters says more, if it is as frequent.
        return inside[term] ** 2 * rarity * (1 + 0.1 * len(term) if _CHINESE.match(term) else 1.0)

    ranked = sorted(inside, key=lambda term: (-value(term), term))
    chosen: list[str] = []
    for term in ranked:
        if len(chosen) == _WORDS:
            break
        if any(term in other or other in term for other in chosen):
            continue
        if chosen and inside[term] * 2 < inside[chosen[0]]:
            break
        chosen.append(term)
        if _CHINESE.match(term):
            break
    name = "_".join(chosen) or "new_label"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


def terms(text: str) -> set[str]:
    """The words of a text, and its sequences of Chinese characters; without those of grammar."""
    lower = text.lower()
    words = {word for word in _WORD.findall(_CHINESE.sub(" ", lower)) if word not in _ENGLISH}
    return words | set(_sequences(_CHINESE.findall(lower)))


def _sequences(parts: Iterable[str]) -> Iterable[str]:
    for part in parts:
        for length in _LENGTHS:
            for start in range(len(part) - length + 1):
                term = part[start : start + length]
                if not _CHINESE_GRAMMAR.intersection(term):
                    yield term
