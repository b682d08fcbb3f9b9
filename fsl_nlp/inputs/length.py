"""Texts that are longer than an encoder reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# More characters than this for each token that is read are cut in any case; they are not counted.
_CHARACTERS_A_TOKEN = 64
# Tokens that a tokenizer puts around and between the texts.
_SPECIAL = 4

Lengths = Callable[[list[int]], list[int]]


def too_long(rows: Sequence[Sequence[str]], limit: int, lengths: Lengths) -> list[bool]:
    """Which rows of texts, each read together, have more than `limit` tokens.

    `lengths` counts the tokens of the rows with some indices. Only those are counted whose bytes
    leave doubt: a token has at least one.

    >>> too_long([["a b c"], ["a b c d e f"]], 8, lambda rows: [9 for _ in rows])
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
