"""Texts that are longer than a model reads: which they are, and the part that it can see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Characters. English has 4 or 5 for each token, Chinese 1 or 2.
PER_TOKEN = 16
# A text of which so many characters make a token is no language: it is cut all the same.
_MOST_PER_TOKEN = 256
_FEWEST_TOKENS = 128
# More characters than this for each token that is read are cut in any case; they are not counted.
_CHARACTERS_A_TOKEN = 64
# Tokens that a tokenizer puts around and between the texts.
_SPECIAL = 4

Lengths = Callable[[list[int]], list[int]]


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


def too_long(rows: Sequence[Sequence[str]], limit: int, lengths: Lengths) -> list[bool]:
    """Which rows of texts, each read together, have more than `limit` tokens.

    `lengths` counts the tokens of the rows with some indices. Only those are counted whose bytes
    leave doubt: a token has at least one.

    >>> too_long([["a"], ["a b c d e f"]], 8, lambda rows: [9 for _ in rows])
    [False, True]
    """
    result = [False] * len(rows)
    doubtful = []
    for i, row in enumerate(rows):
        characters = sum(map(len, row))
        if characters > limit * _CHARACTERS_A_TOKEN:
            result[i] = True
        elif characters + _SPECIAL > limit or _bytes(row) + _SPECIAL > limit:
            doubtful.append(i)
    for i, length in zip(doubtful, lengths(doubtful) if doubtful else (), strict=True):
        result[i] = length > limit
    return result


def _bytes(row: Sequence[str]) -> int:
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in row)
