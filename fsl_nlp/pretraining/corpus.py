"""Texts as token ids, a part held out, and batches of them with pieces hidden."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.data.fewclue import BLANK
from fsl_nlp.errors import DataError
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.training.batches import by_length
from fsl_nlp.types import Example

_LEAST = 4  # tokens; a shorter text says too little to guess the rest of it
_TOKENIZED = 2000  # texts at a time


@dataclass(frozen=True)
class Hidden:
    """A batch: inputs, and what stood at which place of which row."""

    ids: list[list[int]]
    rows: list[int]
    places: list[int]
    pieces: list[int]


@dataclass(frozen=True)
class Corpus:
    """Texts without what the model wants around them, which `around` is."""

    texts: list[list[int]]
    around: tuple[list[int], list[int]]
    longest: int  # of an input

    def batches(self, epoch: int, size: int, seed: int) -> list[list[int]]:
        """An epoch's, the same whenever they are asked for."""
        lengths = [min(len(text), self.longest) for text in self.texts]
        return by_length(lengths, size, np.random.default_rng([seed, epoch]))

    def hide(
        self, chosen: Sequence[int], mask: int, rate: float, rng: np.random.Generator
    ) -> Hidden:
        """A piece of each text, `rate` of its tokens masked.

        Always masked, never left or swapped: a cloze is asked with masks only, and Wettig et al.
        (2023, arXiv 2202.08005) found the other two to help nothing.
        """
        start, end = self.around
        room = self.longest - len(start) - len(end)
        hidden = Hidden([], [], [], [])
        for row, i in enumerate(chosen):
            text = self.texts[i]
            first = int(rng.integers(0, max(1, len(text) - room + 1)))
            piece = text[first : first + room]
            count = max(1, round(rate * len(piece)))
            masked = sorted(rng.choice(len(piece), count, replace=False).tolist())
            ids = [*start, *piece, *end]
            for place in masked:
                hidden.rows.append(row)
                hidden.places.append(len(start) + place)
                hidden.pieces.append(piece[place])
                ids[len(start) + place] = mask
            hidden.ids.append(ids)
        return hidden

    def occurring(self) -> NDArray[np.int64]:
        """Every piece that occurs, in order."""
        found: set[int] = set()
        for text in self.texts:
            found.update(text)
        return np.array(sorted(found), np.int64)


def plain_texts(examples: Sequence[Example]) -> Iterator[str]:
    """All that examples say, in order; a blank for an idiom is closed."""
    for example in examples:
        yield example.text.replace(BLANK, "") if example.candidates else example.text
        if example.text_b is not None:
            yield example.text_b


def split_corpus(
    texts: Sequence[str], pieces: Pieces, longest: int, held_out: int
) -> tuple[Corpus, Corpus]:
    """The texts to learn from and those to be judged on. Doubles count once.

    Which are held out hangs on each text alone, so that more texts change nothing of it much.
    """
    distinct = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    rows: list[list[int]] = []
    kept: list[str] = []
    for start in range(0, len(distinct), _TOKENIZED):
        part = distinct[start : start + _TOKENIZED]
        for text, ids in zip(part, pieces.begin(part), strict=True):
            if len(ids) >= _LEAST:
                kept.append(text)
                rows.append(ids)
    if len(rows) < 2:
        raise DataError("There are no texts of four tokens or more to learn from.")
    held_out = min(held_out, len(rows) // 10 or 1)
    order = sorted(range(len(rows)), key=lambda i: hashlib.sha256(kept[i].encode()).digest())
    parts = (sorted(order[held_out:]), order[:held_out])
    learned, judged = (Corpus([rows[i] for i in p], pieces.around, longest) for p in parts)
    return learned, judged
