"""Texts that any chatbot may get and few are made for: greetings, weather, small talk, noise."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from fsl_nlp.data.catalogue import datasets_folder
from fsl_nlp.scripts import are_chinese


def generic_texts(texts: Iterable[str]) -> tuple[str, ...]:
    """Those that are shipped, in Chinese if half of the `texts` are, else in English.

    () for texts without letters: an encoder of such texts may read no words.

    >>> generic_texts(["退货怎么办"])[0]
    '你好'
    """
    texts = list(texts)
    if not any(character.isalpha() for text in texts for character in text):
        return ()
    return _lines("zh" if are_chinese(texts) else "en")


@cache
def _lines(language: str) -> tuple[str, ...]:
    folder = datasets_folder()
    if folder is None:
        return ()
    return tuple((folder / "generic" / f"{language}.txt").read_text("utf-8").splitlines())
