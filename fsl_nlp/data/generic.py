"""Generic texts: what any chatbot may get and few are made for, and sentences with mentions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from fsl_nlp.data.catalogue import datasets_folder
from fsl_nlp.scripts import are_chinese
from fsl_nlp.types import Example


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


def generic_mentions(texts: Iterable[str]) -> tuple[Example, ...]:
    """Shipped sentences with a head and a tail, in Chinese if half of the `texts` are.

    >>> first = generic_mentions(["Tom met Ann."])[0]
    >>> first.text[slice(*first.head)], first.text[slice(*first.tail)]
    ('Marta Olsen', 'Lindholm')
    """
    language = "zh" if are_chinese(list(texts)) else "en"
    return tuple(map(_marked, _lines(f"mentions_{language}")))


def _marked(line: str) -> Example:
    """The example of a line that writes the head in [] and the tail in {}."""
    spans = {}
    for name, pattern in (("head", r"\[.*\]"), ("tail", r"\{.*\}")):
        match = re.search(pattern, line)
        assert match
        before = len(re.sub(r"[\[\]{}]", "", line[: match.start()]))
        spans[name] = (before, before + len(match[0]) - 2)
    return Example(re.sub(r"[\[\]{}]", "", line), head=spans["head"], tail=spans["tail"])


@cache
def _lines(name: str) -> tuple[str, ...]:
    folder = datasets_folder()
    if folder is None:
        return ()
    return tuple((folder / "generic" / f"{name}.txt").read_text("utf-8").splitlines())
