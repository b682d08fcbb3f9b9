"""Vectors of sentences with two marked mentions, for relation classification.

The sentence itself is pooled in the model's usual way. The head, the tail and the words between
them are means of token states from a layer two thirds of the way up, which hold both the meaning of
a token and its role. Layer and weights were chosen on val_nyt of FewRel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.encoders.pooling import Pooling, pool
from fsl_nlp.inputs.mentions import PARTS, check_spans, mark_tokens, near_mentions
from fsl_nlp.runtime.graph import MENTION_MASKS
from fsl_nlp.types import Example
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fsl_nlp.encoders.encoder import Features, TextEncoder
    from fsl_nlp.encoders.graphs import GraphSource

DEPTH = 2 / 3


def encode_mentions(encoder: TextEncoder, examples: Sequence[Example]) -> Matrix:
    """The parts of each example, [n, P, D], each of unit length."""
    for example in examples:
        check_spans(example)
    keys = [encoder.key(e.text, f"mentions {e.head} {e.tail} {DEPTH:.3f}") for e in examples]
    flat = encoder.cached_vectors(keys, lambda rows: _encode(encoder, [examples[i] for i in rows]))
    return flat.reshape(len(examples), len(PARTS), -1)


def mention_tokens(
    encoder: TextEncoder, examples: Sequence[Example], longest: int
) -> tuple[list[list[int]], list[NDArray[np.bool_]]]:
    """Token ids of each example, at most `longest`, and masks [3, T]: head, tail, between them."""
    examples = [near_mentions(example, longest) for example in examples]
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
    """The index of the layer whose token states are averaged, of `layers` layers."""
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
    """The graph that computes the parts of a sentence with ONNX Runtime."""
    return encoder.graph_source("mentions", partial(_graph_parts, encoder.pooling))


def _graph_parts(pooling: Pooling, module: nn.Module, features: Features) -> Tensor:
    """The parts of a batch whose features include the masks of the mentions."""
    inputs = dict(features)
    masks = inputs.pop(MENTION_MASKS)
    states = module(**inputs, output_hidden_states=True).hidden_states
    return mention_parts(states, inputs["attention_mask"], masks, pooling)


def mention_parts(
    states: Sequence[Tensor], attention: Tensor, masks: Tensor, pooling: Pooling
) -> Tensor:
    """States [B, T, D] of each layer, the attention mask [B, T] and the masks [B, 3, T] of head,
    tail and the words between them, to parts [B, P * D]."""
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
    # Nothing lies between mentions that touch: the mean of the two is used.
    nothing = (masks[:, 2].sum(-1) == 0)[:, None]
    between = torch.where(nothing, means[:, :2].mean(1), means[:, 2])
    return torch.cat([means[:, :2], between.unsqueeze(1)], 1)
