"""Soft tokens: rows of an embedding that belong to no word and are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from fsl_nlp.prompts.masked_model import MaskedNet
    from fsl_nlp.prompts.pieces import Pieces
    from fsl_nlp.prompts.template import SoftPart

NAME = "soft"  # the last part of the name of the parameter


class SoftEmbedding(nn.Module):
    """An embedding of words and soft tokens; the ids after the last word are soft tokens."""

    def __init__(self, words: nn.Embedding, rows: Tensor) -> None:
        super().__init__()
        self.words = words
        self.soft = nn.Parameter(rows)  # [S, D]

    @property
    def weight(self) -> Tensor:
        """The vectors [V, D] of the words."""
        return self.words.weight

    def forward(self, ids: Tensor) -> Tensor:
        """The vectors [..., D] of ids."""
        size = self.words.num_embeddings
        vectors = self.words(ids.clamp(max=size - 1))
        soft = self.soft[(ids - size).clamp(min=0)].to(vectors.dtype)
        return torch.where((ids >= size).unsqueeze(-1), soft, vectors)


def add_soft_tokens(net: MaskedNet, parts: Sequence[SoftPart], pieces: Pieces, seed: int) -> None:
    """Add the soft tokens of a template, with their first values, to a private copy."""
    base: Any = net.base
    words = base.get_input_embeddings()
    weight = words.weight.detach().float()
    random = torch.Generator().manual_seed(seed)
    rows = []
    for part in parts:
        if part.word is None:
            # With the spread of word vectors: longer ones would dominate attention.
            noise = torch.randn(weight.shape[1], generator=random)
            rows.append(noise * float(weight[: 1 << 14].std()))
        else:
            rows.append(weight[pieces.after_token([part.word])[0]].mean(0).cpu())
    base.set_input_embeddings(SoftEmbedding(words, torch.stack(rows).to(weight.device)))
