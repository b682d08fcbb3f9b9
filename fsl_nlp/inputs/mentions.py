"""Sentences with two marked mentions: which tokens are whose, and how the parts become a vector.

Four parts, each of unit length: the sentence, the head mention, the tail mention, and what stands
between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import DataError
from fsl_nlp.inputs.length import PER_TOKEN
from fsl_nlp.types import Example, Span
from fsl_nlp.vectors import Matrix

Offsets = NDArray[np.int64]  # [T, 2]: the characters of each token; none for special tokens

MENTIONS = ("head", "tail")
PARTS = ("sentence", "head", "tail", "between")
PART_WEIGHTS = (1.0, 1.0, 1.0, 0.7)


def marked_mentions(examples: Sequence[Example]) -> tuple[str, ...]:
    """The mentions that the first example marks.

    >>> marked_mentions([Example("Tom left", head=(0, 3))])
    ('head',)
    """
    return tuple(name for name in MENTIONS if examples and getattr(examples[0], name) is not None)


def has_mentions(examples: Sequence[Example]) -> bool:
    """True when every example marks a head and a tail."""
    return bool(examples) and all(e.head is not None and e.tail is not None for e in examples)


def combine(parts: Matrix, centre: Matrix, scale: Matrix | None = None) -> Matrix:
    """[n, P, D], the parts' mean [P, D] over a corpus and their scale [P, D] -> [n, P * D].

    Without the mean, all vectors of a corpus point much the same way.
    """
    centred = parts - centre
    if scale is not None:
        centred /= scale
    centred /= np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-12)
    centred *= np.array(PART_WEIGHTS, np.float32)[:, None]
    return centred.reshape(len(parts), centre.size)


def check_spans(example: Example, mentions: Sequence[str] = MENTIONS) -> None:
    """Refuse mentions that are missing, empty or outside the text."""
    for name in mentions:
        span: Span | None = getattr(example, name)
        if span is None:
            raise DataError(f"{_name(example)} has no {name} mention.")
        start, end = span
        if not (0 <= start < end <= len(example.text) and example.text[start:end].strip()):
            raise DataError(
                f"{_name(example)}: the {name} mention is characters {start} to {end}, which is "
                f"not inside its text of {len(example.text)} characters."
            )


def near_mentions(example: Example, tokens: int) -> Example:
    """A long text without what no window of so many `tokens` around its mentions can hold.

    >>> text = "Tom " + "and others " * 50_000 + "met Ann"
    >>> near = near_mentions(Example(text, head=(0, 3), tail=(len(text) - 3, len(text))), 512)
    >>> len(near.text), near.text[slice(*near.head)], near.text[slice(*near.tail)]
    (16391, 'Tom', 'Ann')
    """
    assert example.head is not None
    assert example.tail is not None
    text, room = example.text, tokens * PER_TOKEN
    if len(text) <= 4 * room:
        return example
    ranges: list[tuple[int, int]] = []  # of the characters that stay
    for end in sorted((*example.head, *example.tail)):
        start, stop = max(end - room, 0), min(end + room, len(text))
        if ranges and start <= ranges[-1][1]:
            start, _ = ranges.pop()
        ranges.append((start, stop))

    def moved(place: int) -> int:
        before = 0
        for start, stop in ranges:
            if place <= stop:
                break
            before += stop - start + 1  # a space joins them
        return before + place - start

    return replace(
        example,
        text=" ".join(text[start:stop] for start, stop in ranges),
        head=(moved(example.head[0]), moved(example.head[1])),
        tail=(moved(example.tail[0]), moved(example.tail[1])),
    )


def mark_tokens(
    example: Example,
    ids: Sequence[int],
    offsets: Sequence[tuple[int, int]],
    special: Sequence[int],
    *,
    prefix: str,
    longest: int,
    encoder: str,
) -> tuple[list[int], NDArray[np.bool_]]:
    """The token ids to keep, `longest` at most, and which [3, T] of them are the head's, the
    tail's, and between the two.

    `offsets` are the characters of each token in the prefix and the text; `special` is 1 for
    tokens that stand for no characters.
    """
    characters = np.array(offsets, np.int64).reshape(-1, 2) - len(prefix)
    characters[np.array(special, bool)] = -1
    mask = _mention_masks(example, characters)
    kept = _window(mask, characters, longest)
    if not mask[:2, kept].any(1).all():
        raise DataError(f"{_name(example)}: the tokenizer of {encoder} cannot see both mentions.")
    return [ids[t] for t in kept], mask[:, kept]


def _mention_masks(example: Example, offsets: Offsets) -> NDArray[np.bool_]:
    """[3, T]: the tokens of the head, of the tail, and between the two."""
    assert example.head is not None
    assert example.tail is not None
    first, second = sorted((example.head, example.tail))
    start, end = offsets.T
    between = (start >= first[1]) & (end <= second[0]) & (end > start)
    return np.stack([_touches(offsets, example.head), _touches(offsets, example.tail), between])


def _touches(offsets: Offsets, span: Span) -> NDArray[np.bool_]:
    start, end = offsets.T
    touching: NDArray[np.bool_] = (start < span[1]) & (end > span[0]) & (end > start)
    return touching


def _window(mask: NDArray[np.bool_], offsets: Offsets, longest: int) -> NDArray[np.int64]:
    """The positions of the tokens to keep, `longest` at most: those nearest to a mention."""
    count = len(offsets)
    if count <= longest:
        return np.arange(count)
    positions = np.arange(count)
    mentioned = np.flatnonzero(mask[0] | mask[1])
    if not len(mentioned):
        return positions[:longest]
    after = np.searchsorted(mentioned, positions).clip(max=len(mentioned) - 1)
    distance = np.minimum(
        np.abs(mentioned[after] - positions), np.abs(positions - mentioned[(after - 1).clip(0)])
    )
    distance[offsets[:, 1] < 0] = -1  # special tokens always stay
    nearest: NDArray[np.int64] = np.sort(distance.argsort(kind="stable")[:longest])
    return nearest


def _name(example: Example) -> str:
    return f"Example {example.id}" if example.id is not None else f"Example {example.text[:40]!r}"
