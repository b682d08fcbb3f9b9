"""Texts that any chatbot may get and few are made for: greetings, weather, small talk, noise."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from fsl_nlp.data.catalogue import datasets_folder

_CHINESE = re.compile("[\u3400-\u9fff]")


def generic_texts(texts: Iterable[str]) -> tuple[str, ...]:
    """Those that are shipped, in Chinese if most of the `texts` are, else in English.

    () for texts without letters: an encoder of such texts may read no words.

    >>> generic_texts(["退货怎么办"])[0]
    '你好'
    """
    texts = list(texts)
    if not any(character.isalpha() for text in texts for character in text):
        return ()
    chinese = [bool(_CHINESE.search(text)) for text in texts]
    return _lines("zh" if 2 * sum(chinese) > len(chinese) else "en")


@cache
def _lines(language: str) -> tuple[str, ...]:
    folder = datasets_folder()
    if folder is None:
        return ()
    return tuple((folder / "generic" / f"{language}.txt").read_text("utf-8").splitlines())
