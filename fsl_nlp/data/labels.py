"""Label names in words that a language model can read."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s_\-./\\:|]+")
# cardArrival -> card Arrival, ATMSupport -> ATM Support; 3D stays
_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z\d])(?=[A-Z][a-z])")
_CODE = re.compile(r"[a-z]?\d+|[a-z]", re.IGNORECASE)
_LATIN_KINDS = ("label", "class", "intent", "category", "topic")
_KINDS = (*_LATIN_KINDS, "标签", "类别", "意图")
_NUMBERED = re.compile(
    rf"(?:{'|'.join(_LATIN_KINDS)})\d+|(?:标签|类别|意图)(?:[a-z]|[\d一二三四五六七八九十]+)",
    re.IGNORECASE,
)


def readable(label: str | int) -> str | None:
    """A label's name in words, or None if the name has no meaning.

    >>> readable("card_arrival"), readable("cardArrival"), readable("ATM-support")
    ('card arrival', 'card arrival', 'ATM support')
    >>> readable("查询物流")
    '查询物流'
    >>> [readable(name) for name in (7, "P25", "label_3", "x", "?")]
    [None, None, None, None, None]
    """
    if not isinstance(label, str):
        return None
    words = _SEPARATORS.split(_HUMPS.sub(" ", label))
    words = [word for word in words if any(char.isalnum() for char in word)]
    if _is_code(words):
        return None
    return " ".join(word if _is_acronym(word) else word.lower() for word in words)


def _is_code(words: list[str]) -> bool:
    """Whether there are only codes, or one word such as "label" with a code."""
    names = [word for word in words if not _CODE.fullmatch(word)]
    if len(names) == 1:
        word = names[0].lower()
        return bool(_NUMBERED.fullmatch(word)) or (word in _KINDS and len(words) > 1)
    return not names


def _is_acronym(word: str) -> bool:
    return len(word) > 1 and word.isupper()
