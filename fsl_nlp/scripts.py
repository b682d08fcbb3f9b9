"""Which script a text is written in, as far as words and defaults depend on it."""

from __future__ import annotations

import re
from collections.abc import Iterable

HAN = "\\u3400-\\u9fff"  # Chinese characters, for a set of a regular expression
_HAN, _KANA = re.compile(f"[{HAN}]"), re.compile("[\u3040-\u30ff]")


def are_chinese(texts: Iterable[str]) -> bool:
    """Whether at least half of the texts hold Chinese characters, and no kana as Japanese has.

    >>> are_chinese(["我的 package 到哪了", "hello"]), are_chinese(["荷物はどこですか"])
    (True, False)
    """
    chinese = [bool(_HAN.search(text)) and not _KANA.search(text) for text in texts]
    return any(chinese) and 2 * sum(chinese) >= len(chinese)
