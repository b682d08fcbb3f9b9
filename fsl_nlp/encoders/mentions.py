"""Sentences with two marked mentions: what a relation classifier needs to see.

Four parts, each of unit length: the sentence, the head mention, the tail mention, and what stands
between them. The sentence is pooled as the model was trained to; the other parts are means of
token states two thirds of the way up, where a token still says what it is and already says what
role it plays. Layer and weights were chosen on val_nyt of FewRel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.encoders.pooling import pool
from fsl_nlp.errors import DataError
from fsl_nlp.types import Example, Span

if TYPE_CHECKING:
    from torch import Tensor

    from fsl_nlp.encoders.encoder import Features, TextEncoder

Matrix = NDArray[np.float32]
Offsets = NDArray[np.int64]  # [T, 2]: the characters of each token; none for special tokens

PARTS = ("sentence", "head", "tail", "between")
PART_WEIGHTS = (1.0, 1.0, 1.0, 0.7)
DEPTH = 2 / 3


def has_mentions(examples: Sequence[Example]) -> bool:
    """True when every example marks a head and a tail."""
    return bool(examples) and all(e.head is not None and e.tail is not None for e in examples)


def encode_mentions(encoder: TextEncoder, examples: Sequence[Example]) -> Matrix:
    """[n, P, D]: the parts of each example, each of unit length."""
    for example in examples:
        check_spans(example)
    keys = [encoder.key(e.text, f"mentions {e.head} {e.tail} {DEPTH:.3f}") for e in examples]
    flat = encoder.once(keys, lambda places: _encode(encoder, [examples[i] for i in places]))
    return flat.reshape(len(examples), len(PARTS), -1)


def combine(parts: Matrix, centre: Matrix) -> Matrix:
    """[n, P, D] and the parts' mean [P, D] over a corpus -> [n, P * D].

    Without the mean, all vectors of a corpus point much the same way.
    """
    centred = parts - centre
    centred /= np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-12)
    centred *= np.array(PART_WEIGHTS, np.float32)[:, None]
    return centred.reshape(len(parts), centre.size)


def check_spans(example: Example) -> None:
    """Refuse mentions that are missing, empty or outside the text."""
    for name, span in (("head", example.head), ("tail", example.tail)):
        if span is None:
            raise DataError(f"{_name(example)} has no {name} mention.")
        start, end = span
        if not (0 <= start < end <= len(example.text) and example.text[start:end].strip()):
            raise DataError(
                f"{_name(example)}: the {name} mention is characters {start} to {end}, which is "
                f"no word of its text of {len(example.text)} characters."
            )


def mention_tokens(
    encoder: TextEncoder, examples: Sequence[Example], longest: int
) -> tuple[list[list[int]], list[NDArray[np.bool_]]]:
    """Token ids of each example, `longest` at most, and which [3, T] of them are the head's, the
    tail's, and between the two."""
    tokenized = encoder.tokenize(
        [e.text for e in examples],
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        truncation=False,
        verbose=False,
    )
    ids: list[list[int]] = []
    masks: list[NDArray[np.bool_]] = []
    for i, example in enumerate(examples):
        offsets = np.array(tokenized["offset_mapping"][i], np.int64)
        offsets -= len(encoder.pooling.prefix)
        offsets[np.array(tokenized["special_tokens_mask"][i], bool)] = -1
        mask = _mention_masks(example, offsets)
        kept = _window(mask, offsets, longest)
        if not mask[:2, kept].any(1).all():
            raise DataError(
                f"{_name(example)}: the tokenizer of {encoder.name} cannot see both mentions."
            )
        ids.append([tokenized["input_ids"][i][t] for t in kept])
        masks.append(mask[:, kept])
    return ids, masks


def mention_depth(layers: int) -> int:
    """The layer, of so many, whose token states mentions are means of."""
    return round(DEPTH * layers)


def _encode(encoder: TextEncoder, examples: list[Example]) -> Matrix:
    import torch.nn.functional as F

    ids, masks = mention_tokens(encoder, examples, encoder.pooling.max_length)

    def parts(features: Features, rows: list[int]) -> Tensor:
        states = encoder.hidden_states(features)
        middle = states[mention_depth(len(states) - 1)].float()
        sentence = pool(states[-1], features["attention_mask"], encoder.pooling)
        mentions = _means(middle, [masks[i] for i in rows])  # [B, 3, D]
        return F.normalize(_stack(sentence, mentions), dim=-1).flatten(1)

    return encoder.run(ids, parts)


def _stack(sentence: Tensor, mentions: Tensor) -> Tensor:
    import torch

    return torch.cat([sentence.unsqueeze(1), mentions], 1)


def _means(states: Tensor, masks: list[NDArray[np.bool_]]) -> Tensor:
    """Token states [B, T, D] and masks [3, T] of each row -> means [B, 3, D]."""
    import torch

    mask = torch.zeros(len(masks), 3, states.shape[1])
    for row, rows_mask in zip(mask, masks, strict=True):
        row[:, : rows_mask.shape[1]] = torch.from_numpy(rows_mask)
    mask = mask.to(states)
    means = mask @ states / mask.sum(-1, keepdim=True).clamp(min=1)
    # Mentions that touch have nothing between them: their own mean stands in.
    nothing = (mask[:, 2].sum(-1) == 0)[:, None]
    between = torch.where(nothing, means[:, :2].mean(1), means[:, 2])
    return torch.cat([means[:, :2], between.unsqueeze(1)], 1)


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
    """The places of the tokens to keep, `longest` at most: those nearest to a mention."""
    count = len(offsets)
    if count <= longest:
        return np.arange(count)
    places = np.arange(count)
    mentioned = np.flatnonzero(mask[0] | mask[1])
    if not len(mentioned):
        return places[:longest]
    distance = np.abs(places[:, None] - mentioned).min(1)
    distance[offsets[:, 1] < 0] = -1  # special tokens always stay
    nearest: NDArray[np.int64] = np.sort(distance.argsort(kind="stable")[:longest])
    return nearest


def _name(example: Example) -> str:
    return f"Example {example.id}" if example.id is not None else f"Example {example.text[:40]!r}"
