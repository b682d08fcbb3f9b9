"""A body for sentences with two marked mentions, for relation classification.

The parts of a sentence, their weights and centres are those of `encoders/mentions.py`. Head, tail
and the words between them are means of the token states of one layer. The layers just below it
adapt. The vector of the sentence itself does not change.

A row is [4 + T, D + 4], flattened: the centred sentence vector and the centres of the other three
parts, then the token states below the layers that adapt. The D numbers of a token are followed by
its weights in the means of head, tail and the words between, and by the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fsl_nlp.encoders.mentions import encode_mentions, mention_depth, mention_tokens
from fsl_nlp.errors import OptionError
from fsl_nlp.heads.operations import unit
from fsl_nlp.inputs.mentions import PART_WEIGHTS, PARTS, check_spans
from fsl_nlp.meta.bodies import BodySettings
from fsl_nlp.meta.encoder_body import EncoderBody, random_rows
from fsl_nlp.meta.task_heads import Tensors
from fsl_nlp.training.copies import private_copy
from fsl_nlp.training.layers import layer_stack
from fsl_nlp.types import Example

if TYPE_CHECKING:
    from fsl_nlp.encoders.encoder import TextEncoder

Matrix = NDArray[np.float32]

_HEADER = len(PARTS)  # vectors of a row before its tokens
_CENTRE_SENTENCES = 1000  # the centre of a corpus is the mean of so many sentences at most


@dataclass(frozen=True, eq=False)
class MentionBody(EncoderBody):
    """The layers below the one that mentions are pooled from."""

    @classmethod
    def build(
        cls, name: str, settings: BodySettings, encoder: TextEncoder, precision: str = "fp32"
    ) -> MentionBody:
        """A body on a private copy of the encoder's lower layers."""
        body = super().build(name, settings, encoder, precision)
        assert isinstance(body, cls)
        if body.below is None:
            most = len(layer_stack(body.module)) - 1
            raise OptionError(f"layers={settings.layers}: body='mentions' takes {most} at most.")
        return body

    @staticmethod
    def base_module(encoder: TextEncoder) -> nn.Module:
        """The encoder without the layers above the one that mentions are pooled from."""
        module = private_copy(encoder.module)
        stack = layer_stack(module)
        path = stack[0][0].rpartition(".")[0]
        layers = module.get_submodule(path)
        assert isinstance(layers, nn.ModuleList)
        del layers[mention_depth(len(stack)) :]
        # Remove the norm after the last layer: states of a middle layer do not pass it.
        parent = module.get_submodule(path.rpartition(".")[0])
        names = list(dict(parent.named_children()))
        for name in names[names.index(path.rpartition(".")[2]) + 1 :]:
            norm = "norm" in type(parent.get_submodule(name)).__name__.lower()
            if norm and "rel_embeddings" not in names:  # DeBERTa's is for positions
                parent.set_submodule(name, nn.Identity())
        return module

    @property
    def width(self) -> int:
        """The numbers of a token in a row: state, three weights, mask."""
        return self.encoder.dimensions + len(PARTS)

    def dimensions(self, row: int) -> int:
        """The length of the four parts together."""
        return len(PARTS) * self.encoder.dimensions

    def recentre(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """Rows with the centres of the three trained parts computed again."""
        sample = rows[random_rows(rows, _CENTRE_SENTENCES)]
        centre = self.in_parts(partial(self._means, tensors), sample).mean(0)
        self._tokens(rows)[:, 1:_HEADER, : self.encoder.dimensions] = centre
        return rows

    def centre_of(self, examples: Sequence[Example], learned: Tensors) -> Matrix:
        """The mean [P, D] of the parts of a corpus, with the `learned` parameters if any."""
        order = np.random.default_rng(0).permutation(len(examples))
        sample = [examples[i] for i in np.sort(order[:_CENTRE_SENTENCES])]
        centre = encode_mentions(self.encoder, sample).mean(0)
        if not learned:
            return centre
        device = self.encoder.device
        tensors = {name: learned[f"body.{name}"].to(device) for name in self.start}
        rows = torch.from_numpy(self.mention_rows(sample, centre)).to(device)
        centre[1:] = self.in_parts(partial(self._means, tensors), rows).mean(0).cpu().numpy()
        return centre

    def mention_rows(self, examples: Sequence[Example], centre: Matrix) -> Matrix:
        """Rows [n, R] of sentences, with the centre [P, D] of their corpus."""
        for example in examples:
            check_spans(example)
        most = min(self.settings.tokens, self.encoder.pooling.max_length)
        ids, masks = mention_tokens(self.encoder, examples, most)
        rows = self._empty(len(examples), centre)
        rows[:, 0, : self.encoder.dimensions] = (
            encode_mentions(self.encoder, examples)[:, 0] - centre[0]
        )
        tokens = rows[:, _HEADER:]
        self.fill_states(ids, tokens[..., : self.encoder.dimensions])
        for row, mask in zip(tokens, masks, strict=True):
            row[: mask.shape[1], -len(PARTS) : -1] = _averaging(mask).T
            row[: mask.shape[1], -1] = 1
        return rows.reshape(len(rows), -1)

    def sentence_rows(self, vectors: Matrix, centre: Matrix) -> Matrix:
        """Rows of sentences without mentions, from their vectors [n, D]. All parts but the first
        are 0 after centring."""
        rows = self._empty(len(vectors), np.zeros_like(centre))
        rows[:, 0, : self.encoder.dimensions] = vectors - centre[0]
        rows[:, _HEADER, -1] = 1  # the layers need at least one token
        return rows.reshape(len(rows), self.width * rows.shape[1])

    def _empty(self, count: int, centre: Matrix) -> Matrix:
        rows = np.zeros((count, _HEADER + self.settings.tokens, self.width), np.float32)
        rows[:, 1:_HEADER, : self.encoder.dimensions] = centre[1:]
        rows[:, :_HEADER, -1] = 1
        return rows

    def _vectors(self, tensors: Tensors, rows: Tensor) -> Tensor:
        header = self._tokens(rows)[:, :_HEADER, : self.encoder.dimensions]
        centred = torch.cat([header[:, :1], self._means(tensors, rows) - header[:, 1:]], 1)
        weights = torch.tensor(PART_WEIGHTS).to(rows)
        return (unit(centred) * weights[:, None]).flatten(1)

    def _means(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """Head, tail and the words between, [n, P - 1, D], each of unit length."""
        size = self.encoder.dimensions
        tokens = self._tokens(rows)[:, _HEADER:]
        states = self.states(tensors, tokens[..., :size], tokens[..., -1])
        return unit(tokens[..., size:-1].mT @ states)

    def _tokens(self, rows: Tensor) -> Tensor:
        return rows.view(len(rows), -1, self.width)


def _averaging(mask: NDArray[np.bool_]) -> Matrix:
    """Masks [3, T] as weights that sum to 1."""
    shares = mask / np.maximum(mask.sum(1, keepdims=True), 1)
    # Nothing lies between mentions that touch: the mean of the two is used.
    if not mask[2].any():
        shares[2] = shares[:2].mean(0)
    return shares.astype(np.float32)
