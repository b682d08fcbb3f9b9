"""Where the mean and the scale come from that vectors of sentences with mentions are centred with.

Without a mean, all vectors of a corpus point much the same way. "test" is the mean of the supports
of all episodes of a table: it reads other texts of the test, queries of other episodes among them.
The others read the supports of one task alone:

- "supports": their mean.
- "background": their mean and that of generic sentences that come with the package. The generic
  sentences count as eight supports, and give the scale of each dimension.

Eight, and the scale, were chosen on val_nyt and val_semeval of FewRel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fsl_nlp.data.generic import generic_mentions
from fsl_nlp.encoders.mentions import encode_mentions
from fsl_nlp.errors import ModelError
from fsl_nlp.types import Example
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

STATISTICS = ("background", "supports", "test")
TRANSDUCTIVE = "test"
_STRENGTH = 8  # how many supports the generic sentences count as
_LEAST_SCALE = 0.2  # of the mean over dimensions


@dataclass(frozen=True)
class Centring:
    """The mean of `strength` further sentences, and the scale of each dimension; [P, D] each."""

    mean: Matrix
    scale: Matrix
    strength: int

    @classmethod
    def of(
        cls, name: str, encoder: TextEncoder, examples: Sequence[Example], *, scaled: bool = True
    ) -> Centring | None:
        """The statistics of that name for examples with mentions; None for "test"."""
        if name == TRANSDUCTIVE:
            return None
        size = encode_mentions(encoder, examples[:1]).shape[1:]
        if name == "supports":
            return cls(np.zeros(size, np.float32), np.ones(size, np.float32), 0)
        generic = generic_mentions(example.text for example in examples)
        if not generic:
            raise ModelError(
                "The generic sentences of the package (generic/mentions_en.txt) are missing. "
                "Install it again, or use statistics='supports'."
            )
        parts = encode_mentions(encoder, generic)
        spread = parts.std(0, ddof=1)
        scale = np.maximum(spread / spread.mean(-1, keepdims=True), _LEAST_SCALE)
        return cls(parts.mean(0), scale if scaled else np.ones_like(scale), _STRENGTH)

    def centre(self, parts: Matrix) -> Matrix:
        """[P, D], from the parts of the supports [n, P, D]."""
        total = parts.sum(0) + self.strength * self.mean
        centre: Matrix = total / np.float32(len(parts) + self.strength)
        return centre
