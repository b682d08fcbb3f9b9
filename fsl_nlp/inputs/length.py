"""Long texts: the part of one that a model can see, found without reading all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Characters. English has 4 or 5 for each token, Chinese 1 or 2.
PER_TOKEN = 16
# A text of which so many characters make a token is no language: it is cut all the same.
_MOST_PER_TOKEN = 256
_FEWEST_TOKENS = 128


def visible_part(
    text: str, tokens: int, count: Callable[[str], int], *, from_end: bool = False
) -> str:
    """The beginning of a text, or its end, with at least the `tokens` that a model can see.

    `count` gives the number of tokens of a text. The part has twice as many as are seen, because
    those at the cut may be others than in the whole text.

    >>> visible_part("to be or not to be", 512, len)
    'to be or not to be'
    >>> len(visible_part("to be or not to be " * 10_000, 512, len))
    8192
    """
    tokens = max(tokens, _FEWEST_TOKENS)
    length = tokens * PER_TOKEN
    while length < len(text):
        part = text[-length:] if from_end else text[:length]
        if length >= tokens * _MOST_PER_TOKEN or count(part) >= 2 * tokens:
            return part
        length *= 4
    return text


def visible_parts(
    texts: Sequence[str], tokens: int, count: Callable[[str], int], *, from_end: bool = False
) -> list[str]:
    """The visible part of each text."""
    return [visible_part(text, tokens, count, from_end=from_end) for text in texts]
