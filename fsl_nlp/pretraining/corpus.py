"""Texts as token ids, split for training and evaluation, and batches with masked pieces."""

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

_LEAST_TOKENS = 4  # shorter texts have too little context
_CHUNK = 2000  # texts that are tokenized at once


@dataclass(frozen=True)
class MaskedBatch:
    """Inputs with masks. Each masked piece has its row, its position, and its id before masking."""

    ids: list[list[int]]
    rows: list[int]
    positions: list[int]
    pieces: list[int]


@dataclass(frozen=True)
class Corpus:
    """Token ids of texts, without the special tokens before and after each input."""

    texts: list[list[int]]
    special_tokens: tuple[list[int], list[int]]
    longest: int  # tokens of an input, at most

    def batches(self, epoch: int, size: int, seed: int) -> list[list[int]]:
        """The batches of an epoch; the same at each call."""
        lengths = [min(len(text), self.longest) for text in self.texts]
        return by_length(lengths, size, np.random.default_rng([seed, epoch]))

    def mask_pieces(
        self, chosen: Sequence[int], mask_id: int, rate: float, rng: np.random.Generator
    ) -> MaskedBatch:
        """A part of each text with the share `rate` of its tokens masked.

        No token is kept or swapped instead: prompts have masks only, and Wettig et al. (2023, arXiv
        2202.08005) found no gain from the other two.
        """
        start, end = self.special_tokens
        room = self.longest - len(start) - len(end)
        batch = MaskedBatch([], [], [], [])
        for row, i in enumerate(chosen):
            text = self.texts[i]
            first = int(rng.integers(0, max(1, len(text) - room + 1)))
            piece = text[first : first + room]
            count = max(1, round(rate * len(piece)))
            masked = sorted(rng.choice(len(piece), count, replace=False).tolist())
            ids = [*start, *piece, *end]
            for position in masked:
                batch.rows.append(row)
                batch.positions.append(len(start) + position)
                batch.pieces.append(piece[position])
                ids[len(start) + position] = mask_id
            batch.ids.append(ids)
        return batch

    def piece_ids(self) -> NDArray[np.int64]:
        """The sorted ids of all pieces that occur."""
        ids: set[int] = set()
        for text in self.texts:
            ids.update(text)
        return np.array(sorted(ids), np.int64)


def plain_texts(examples: Sequence[Example]) -> Iterator[str]:
    """The texts of examples, in order. Blanks for candidates are removed.

    >>> list(plain_texts([Example("one", text_b="two")]))
    ['one', 'two']
    """
    for example in examples:
        yield example.text.replace(BLANK, "") if example.candidates else example.text
        if example.text_b is not None:
            yield example.text_b


def split_corpus(
    texts: Sequence[str], pieces: Pieces, longest: int, held_out: int
) -> tuple[Corpus, Corpus]:
    """Distinct texts for training, and held-out texts for evaluation.

    The split depends on a hash of each text, so more texts hardly change it.
    """
    distinct = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    rows: list[list[int]] = []
    texts_kept: list[str] = []
    for start in range(0, len(distinct), _CHUNK):
        part = distinct[start : start + _CHUNK]
        for text, ids in zip(part, pieces.at_start(part), strict=True):
            if len(ids) >= _LEAST_TOKENS:
                texts_kept.append(text)
                rows.append(ids)
    if len(rows) < 2:
        raise DataError("Training needs texts with four tokens or more, and there are none.")
    held_out = min(held_out, len(rows) // 10 or 1)
    order = sorted(range(len(rows)), key=lambda i: hashlib.sha256(texts_kept[i].encode()).digest())
    parts = (sorted(order[held_out:]), order[:held_out])
    training, held_out_corpus = (
        Corpus([rows[i] for i in p], pieces.special_tokens, longest) for p in parts
    )
    return training, held_out_corpus
