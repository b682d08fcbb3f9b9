"""The layers that mentions are read from, as a body: relations teach it where to look.

The parts of a sentence are those of `encoders/mentions.py`, weighted and centred alike. What adapts
are the layers just below the one whose token states the head mention, the tail mention and what
stands between them are means of. The sentence's own vector stays the encoder's.

A row is flat, [4 + T, D + 4]: the centred sentence vector and the centres of the other three parts,
then the token states below the layers that adapt. After the D numbers of a token come its share of
the head, of the tail, of what stands between, and the mask.
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
from fsl_nlp.meta.encoder_body import EncoderBody, a_part
from fsl_nlp.meta.task_heads import Tensors
from fsl_nlp.training.copies import private_copy
from fsl_nlp.training.layers import layer_stack
from fsl_nlp.types import Example

if TYPE_CHECKING:
    from fsl_nlp.encoders.encoder import TextEncoder

Matrix = NDArray[np.float32]

_GIVEN = len(PARTS)  # places of a row that come before its tokens
_CENTRED = 1000  # sentences that a corpus's centre is the mean of; more would hardly move it


@dataclass(frozen=True, eq=False)
class MentionBody(EncoderBody):
    @classmethod
    def build(
        cls, name: str, settings: BodySettings, encoder: TextEncoder, precision: str = "fp32"
    ) -> MentionBody:
        body = super().build(name, settings, encoder, precision)
        assert isinstance(body, cls)
        if body.below is None:
            most = len(layer_stack(body.module)) - 1
            raise OptionError(f"layers={settings.layers}: body='mentions' takes {most} at most.")
        return body

    @staticmethod
    def base(encoder: TextEncoder) -> nn.Module:
        own = private_copy(encoder.module)
        stack = layer_stack(own)
        path = stack[0][0].rpartition(".")[0]
        layers = own.get_submodule(path)
        assert isinstance(layers, nn.ModuleList)
        del layers[mention_depth(len(stack)) :]
        # States in the middle have not been through the norm that follows the last layer.
        around = own.get_submodule(path.rpartition(".")[0])
        names = list(dict(around.named_children()))
        for name in names[names.index(path.rpartition(".")[2]) + 1 :]:
            norm = "norm" in type(around.get_submodule(name)).__name__.lower()
            if norm and "rel_embeddings" not in names:  # DeBERTa's is for positions
                around.set_submodule(name, nn.Identity())
        return own

    @property
    def width(self) -> int:
        return self.encoder.dimensions + len(PARTS)

    def dimensions(self, row: int) -> int:
        return len(PARTS) * self.encoder.dimensions

    def follow(self, tensors: Tensors, rows: Tensor) -> Tensor:
        some = rows[a_part(rows, _CENTRED)]
        centre = self.through(partial(self._means, tensors), some).mean(0)
        self._places(rows)[:, 1:_GIVEN, : self.encoder.dimensions] = centre
        return rows

    def centre_of(self, examples: Sequence[Example], learned: Tensors) -> Matrix:
        """[P, D]: the mean of a corpus's parts, as seen by what was learned, if anything was."""
        order = np.random.default_rng(0).permutation(len(examples))
        some = [examples[i] for i in np.sort(order[:_CENTRED])]
        centre = encode_mentions(self.encoder, some).mean(0)
        if not learned:
            return centre
        device = self.encoder.device
        tensors = {name: learned[f"body.{name}"].to(device) for name in self.start}
        rows = torch.from_numpy(self.read(some, centre)).to(device)
        centre[1:] = self.through(partial(self._means, tensors), rows).mean(0).cpu().numpy()
        return centre

    def read(self, examples: Sequence[Example], centre: Matrix) -> Matrix:
        """[n, R], for the centre [P, D] of their corpus."""
        for example in examples:
            check_spans(example)
        most = min(self.settings.tokens, self.encoder.pooling.max_length)
        ids, masks = mention_tokens(self.encoder, examples, most)
        rows = self._empty(len(examples), centre)
        rows[:, 0, : self.encoder.dimensions] = (
            encode_mentions(self.encoder, examples)[:, 0] - centre[0]
        )
        tokens = rows[:, _GIVEN:]
        self.read_below(ids, tokens[..., : self.encoder.dimensions])
        for row, mask in zip(tokens, masks, strict=True):
            row[: mask.shape[1], -len(PARTS) : -1] = _shares(mask).T
            row[: mask.shape[1], -1] = 1
        return rows.reshape(len(rows), -1)

    def read_sentences(self, vectors: Matrix, centre: Matrix) -> Matrix:
        """Rows of sentences without mentions, from their vectors [n, D]: only the first part, once
        centred, says something."""
        rows = self._empty(len(vectors), np.zeros_like(centre))
        rows[:, 0, : self.encoder.dimensions] = vectors - centre[0]
        rows[:, _GIVEN, -1] = 1  # the layers want a token
        return rows.reshape(len(rows), self.width * rows.shape[1])

    def _empty(self, count: int, centre: Matrix) -> Matrix:
        rows = np.zeros((count, _GIVEN + self.settings.tokens, self.width), np.float32)
        rows[:, 1:_GIVEN, : self.encoder.dimensions] = centre[1:]
        rows[:, :_GIVEN, -1] = 1
        return rows

    def _vectors(self, tensors: Tensors, rows: Tensor) -> Tensor:
        given = self._places(rows)[:, :_GIVEN, : self.encoder.dimensions]
        centred = torch.cat([given[:, :1], self._means(tensors, rows) - given[:, 1:]], 1)
        weights = torch.tensor(PART_WEIGHTS).to(rows)
        return (unit(centred) * weights[:, None]).flatten(1)

    def _means(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """[n, P - 1, D]: the head, the tail, what stands between, each of unit length."""
        size = self.encoder.dimensions
        tokens = self._places(rows)[:, _GIVEN:]
        states = self.states(tensors, tokens[..., :size], tokens[..., -1])
        return unit(tokens[..., size:-1].mT @ states)

    def _places(self, rows: Tensor) -> Tensor:
        return rows.view(len(rows), -1, self.width)


def _shares(mask: NDArray[np.bool_]) -> Matrix:
    """Masks [3, T] as weights that add up to 1."""
    shares = mask / np.maximum(mask.sum(1, keepdims=True), 1)
    # Mentions that touch have nothing between them: their own mean stands in.
    if not mask[2].any():
        shares[2] = shares[:2].mean(0)
    return shares.astype(np.float32)
