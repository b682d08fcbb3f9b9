"""Sentences with two marked mentions: what a relation classifier needs to see.

The sentence is pooled as the model was trained to; the other parts are means of token states two
thirds of the way up, where a token still says what it is and already says what role it plays. Layer
and weights were chosen on val_nyt of FewRel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.encoders.pooling import Pooling, pool
from fsl_nlp.inputs.mentions import PARTS, check_spans, mark_tokens
from fsl_nlp.runtime.graph import MENTION_MASKS
from fsl_nlp.types import Example
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fsl_nlp.encoders.encoder import Features, TextEncoder
    from fsl_nlp.encoders.graphs import GraphSource

DEPTH = 2 / 3


def encode_mentions(encoder: TextEncoder, examples: Sequence[Example]) -> Matrix:
    """[n, P, D]: the parts of each example, each of unit length."""
    for example in examples:
        check_spans(example)
    keys = [encoder.key(e.text, f"mentions {e.head} {e.tail} {DEPTH:.3f}") for e in examples]
    flat = encoder.once(keys, lambda places: _encode(encoder, [examples[i] for i in places]))
    return flat.reshape(len(examples), len(PARTS), -1)


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
    marked = [
        mark_tokens(
            example,
            tokenized["input_ids"][i],
            tokenized["offset_mapping"][i],
            tokenized["special_tokens_mask"][i],
            prefix=encoder.pooling.prefix,
            longest=longest,
            encoder=encoder.name,
        )
        for i, example in enumerate(examples)
    ]
    return [ids for ids, _ in marked], [mask for _, mask in marked]


def mention_depth(layers: int) -> int:
    """The layer, of so many, whose token states mentions are means of."""
    return round(DEPTH * layers)


def _encode(encoder: TextEncoder, examples: list[Example]) -> Matrix:
    ids, masks = mention_tokens(encoder, examples, encoder.pooling.max_length)

    def parts(features: Features, rows: list[int]) -> Tensor:
        states = encoder.hidden_states(features)
        return mention_parts(
            states, features["attention_mask"], _padded(states[-1], masks, rows), encoder.pooling
        )

    return encoder.run(ids, parts, graph=mention_graph(encoder), masks=masks)


def mention_graph(encoder: TextEncoder) -> GraphSource:
    """What gives the parts of a sentence in place of torch."""
    return encoder.graph_source("mentions", partial(_graph_parts, encoder.pooling))


def _graph_parts(pooling: Pooling, module: nn.Module, features: Features) -> Tensor:
    """The same, of a batch whose marked tokens are one of its tensors."""
    given = dict(features)
    masks = given.pop(MENTION_MASKS)
    states = module(**given, output_hidden_states=True).hidden_states
    return mention_parts(states, given["attention_mask"], masks, pooling)


def mention_parts(
    states: Sequence[Tensor], attention: Tensor, masks: Tensor, pooling: Pooling
) -> Tensor:
    """The states [B, T, D] of all layers, which tokens there are [B, T], and which are the head's,
    the tail's and between the two [B, 3, T] -> [B, P * D]."""
    import torch
    import torch.nn.functional as F

    middle = states[mention_depth(len(states) - 1)].float()
    sentence = pool(states[-1], attention, pooling)
    parts = torch.cat([sentence.unsqueeze(1), _means(middle, masks)], 1)
    return F.normalize(parts, dim=-1).flatten(1)


def _padded(states: Tensor, masks: Sequence[NDArray[np.bool_]], rows: Sequence[int]) -> Tensor:
    """The masks [3, T] of some rows as one tensor [B, 3, T] for states [B, T, D]."""
    import torch

    padded = torch.zeros(len(rows), 3, states.shape[1])
    for row, i in zip(padded, rows, strict=True):
        row[:, : masks[i].shape[1]] = torch.from_numpy(masks[i])
    return padded.to(states.device)


def _means(states: Tensor, masks: Tensor) -> Tensor:
    """Token states [B, T, D] and masks [B, 3, T] -> means [B, 3, D]."""
    import torch

    means = masks @ states / masks.sum(-1, keepdim=True).clamp(min=1)
    # Mentions that touch have nothing between them: their own mean stands in.
    nothing = (masks[:, 2].sum(-1) == 0)[:, None]
    between = torch.where(nothing, means[:, :2].mean(1), means[:, 2])
    return torch.cat([means[:, :2], between.unsqueeze(1)], 1)
