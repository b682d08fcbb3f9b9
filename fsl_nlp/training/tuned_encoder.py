"""The vectors of examples from a tuned copy of an encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fsl_nlp.encoders.length import too_long_for
from fsl_nlp.encoders.pooling import pool
from fsl_nlp.inputs.pairs import second_texts
from fsl_nlp.types import Example

if TYPE_CHECKING:
    from fsl_nlp.encoders.encoder import Features, TextEncoder
    from fsl_nlp.encoders.graphs import GraphSource

Matrix = NDArray[np.float32]

# Below this distance from the centre, the direction of a unit vector is only rounding error.
_NO_DIRECTION = 1e-2


@dataclass(frozen=True)
class Tokens:
    """Token ids of examples. `kinds` are the token types: 0 and 1 for the two texts of a pair."""

    ids: list[list[int]]
    kinds: list[list[int]] | None = None


@dataclass(frozen=True)
class TunedEncoder:
    """An encoder whose module is a private copy, during training and after it.

    Its vectors are directions from `centre`. `vectors` caches what it computes, so the module must
    not change after the first call.
    """

    encoder: TextEncoder
    module: nn.Module
    centre: Tensor | None = None  # [D]
    # Replaces the module where it is faster; None while the module may change.
    graph: GraphSource | None = None
    # Part of the cache keys: the vectors of another module differ.
    module_id: str = field(default_factory=lambda: uuid4().hex)

    def tokens(self, examples: Sequence[Example], longest: int | None = None) -> Tokens:
        """The first `longest` tokens of each example; the texts of a pair are joined."""
        limit = self.encoder.pooling.max_length
        seconds = second_texts(examples)
        tokenized = self.encoder.tokenize(
            [e.text for e in examples],
            text_pair=seconds,
            truncation=True,
            max_length=min(limit, longest or limit),
        )
        kinds = tokenized.get("token_type_ids") if seconds else None
        return Tokens(tokenized["input_ids"], kinds)

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether each example has more tokens than are read."""
        return too_long_for(self.encoder, [e.text for e in examples], second_texts(examples))

    def features(self, tokens: Tokens, rows: Sequence[int]) -> Features:
        """Some rows of tokens as a padded batch."""
        features = self.encoder.features([tokens.ids[i] for i in rows])
        return self._with_kinds(features, tokens, rows)

    def _with_kinds(self, features: Features, tokens: Tokens, rows: Sequence[int]) -> Features:
        if tokens.kinds is None:
            return features
        width = features["input_ids"].shape[1]
        kinds = [tokens.kinds[i] + [0] * (width - len(tokens.kinds[i])) for i in rows]
        return {**features, "token_type_ids": torch.tensor(kinds, device=self.encoder.device)}

    def embed(self, features: Features) -> Tensor:
        """The vectors [B, D] of a batch, of unit length, with gradients."""
        return self.centred(self._pooled(self.module, features))

    def _pooled(self, module: nn.Module, features: Features) -> Tensor:
        states = module(**features).last_hidden_state
        return pool(states, features["attention_mask"], self.encoder.pooling)

    def centred(self, vectors: Tensor) -> Tensor:
        """The directions from the centre of pooled vectors [n, D]."""
        unit = F.normalize(vectors, dim=-1)
        if self.centre is None:
            return unit
        return F.normalize(unit - self.centre.to(unit.device), dim=-1, eps=_NO_DIRECTION)

    def vectors(self, examples: Sequence[Example]) -> Matrix:
        """The vectors [n, D] of examples, without gradients."""
        if not examples:
            return np.zeros((0, self.encoder.dimensions), np.float32)
        if self.module is self.encoder.module and all(e.text_b is None for e in examples):
            frozen = torch.from_numpy(self.encoder.encode([e.text for e in examples]))
            return self.centred(frozen).numpy()
        keys = [self.encoder.key(f"{e.text}\0{e.text_b}", self.module_id) for e in examples]
        return self.encoder.cached_vectors(
            keys, lambda indices: self._run([examples[i] for i in indices]), on_disk=False
        )

    def _run(self, examples: Sequence[Example]) -> Matrix:
        tokens = self.tokens(examples)

        def pooled(features: Features, rows: list[int]) -> Tensor:
            return self._pooled(self.module, self._with_kinds(features, tokens, rows))

        vectors = self.encoder.run(tokens.ids, pooled, graph=self.graph, kinds=tokens.kinds)
        return self.centred(torch.from_numpy(vectors)).numpy()

    def tuned_graph(self, fingerprint: str, tuned: Callable[[nn.Module], nn.Module]) -> GraphSource:
        """The graph of this module, which `tuned` makes from the encoder's own module."""
        return self.encoder.graph_source("text", self._pooled, fingerprint=fingerprint, tuned=tuned)
