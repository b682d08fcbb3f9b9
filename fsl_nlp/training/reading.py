"""Examples through a tuned copy of an encoder."""

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

from fsl_nlp.encoders.pooling import pool
from fsl_nlp.inputs.pairs import second_texts
from fsl_nlp.types import Example

if TYPE_CHECKING:
    from fsl_nlp.encoders.encoder import Features, TextEncoder
    from fsl_nlp.encoders.graphs import GraphSource

Matrix = NDArray[np.float32]

# Below this distance from the centre (unit vectors are 1 long) a direction is rounding error.
_NO_DIRECTION = 1e-2


@dataclass(frozen=True)
class Tokens:
    """Examples as token ids; `kinds` tells the first text of a pair from the second."""

    ids: list[list[int]]
    kinds: list[list[int]] | None = None


@dataclass(frozen=True)
class TunedEncoder:
    """An encoder with another module: a private copy of its own, while it trains and after.

    Its vectors are the directions as seen from `centre`. `read` remembers vectors, so the module
    must not change after its first call.
    """

    encoder: TextEncoder
    module: nn.Module
    centre: Tensor | None = None  # [D]
    # Reads in place of the module; None while it may still change.
    graph: GraphSource | None = None
    # Tells the vectors of this module from those of others.
    mark: str = field(default_factory=lambda: uuid4().hex)

    def tokens(self, examples: Sequence[Example], longest: int | None = None) -> Tokens:
        """One text or two as the model reads them; two go in together.

        Of more than `longest` tokens the first are kept.
        """
        limit = self.encoder.pooling.max_length
        seconds = second_texts(examples)
        found = self.encoder.tokenize(
            [e.text for e in examples],
            text_pair=seconds,
            truncation=True,
            max_length=min(limit, longest or limit),
        )
        return Tokens(found["input_ids"], found.get("token_type_ids") if seconds else None)

    def features(self, tokens: Tokens, rows: Sequence[int]) -> Features:
        features = self.encoder.features([tokens.ids[i] for i in rows])
        return self._with_kinds(features, tokens, rows)

    def _with_kinds(self, features: Features, tokens: Tokens, rows: Sequence[int]) -> Features:
        if tokens.kinds is None:
            return features
        width = features["input_ids"].shape[1]
        kinds = [tokens.kinds[i] + [0] * (width - len(tokens.kinds[i])) for i in rows]
        return {**features, "token_type_ids": torch.tensor(kinds, device=self.encoder.device)}

    def vectors(self, features: Features) -> Tensor:
        """[B, D], of unit length, through which gradients flow."""
        return self.seen(self._pooled(self.module, features))

    def _pooled(self, module: nn.Module, features: Features) -> Tensor:
        states = module(**features).last_hidden_state
        return pool(states, features["attention_mask"], self.encoder.pooling)

    def seen(self, vectors: Tensor) -> Tensor:
        """[n, D] as pooled -> the directions from the centre."""
        unit = F.normalize(vectors, dim=-1)
        if self.centre is None:
            return unit
        return F.normalize(unit - self.centre.to(unit.device), dim=-1, eps=_NO_DIRECTION)

    def autocast(self) -> torch.autocast:
        """In the encoder's precision."""
        enabled = self.encoder.precision == "bf16"
        return torch.autocast(self.encoder.device.type, dtype=torch.bfloat16, enabled=enabled)

    def read(self, examples: Sequence[Example]) -> Matrix:
        """[n, D], without gradients."""
        if not examples:
            return np.zeros((0, self.encoder.dimensions), np.float32)
        if self.module is self.encoder.module and all(e.text_b is None for e in examples):
            frozen = torch.from_numpy(self.encoder.encode([e.text for e in examples]))
            return self.seen(frozen).numpy()
        keys = [self.encoder.key(f"{e.text}\0{e.text_b}", self.mark) for e in examples]
        return self.encoder.once(
            keys, lambda places: self._run([examples[i] for i in places]), on_disk=False
        )

    def _run(self, examples: Sequence[Example]) -> Matrix:
        tokens = self.tokens(examples)

        def pooled(features: Features, rows: list[int]) -> Tensor:
            return self._pooled(self.module, self._with_kinds(features, tokens, rows))

        vectors = self.encoder.run(tokens.ids, pooled, graph=self.graph, kinds=tokens.kinds)
        return self.seen(torch.from_numpy(vectors)).numpy()

    def graph_of(self, fingerprint: str, tuned: Callable[[nn.Module], nn.Module]) -> GraphSource:
        """What reads as this module does; `tuned` makes it of the encoder's own."""
        return self.encoder.graph_source("text", self._pooled, fingerprint=fingerprint, tuned=tuned)
