"""Sentences with mentions, centred on the supports of their own episode, many episodes a call."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fsl_nlp.heads.operations import unit
from fsl_nlp.inputs.mentions import PART_WEIGHTS, PARTS
from fsl_nlp.methods.frozen.statistics import Centring


@dataclass(frozen=True)
class TaskCentring:
    """`Centring` for a batch of episodes; B episodes, P parts of D numbers."""

    mean: Tensor  # [P, D]
    scale: Tensor  # [P, D]
    strength: int

    @classmethod
    def of(cls, centring: Centring, device: torch.device) -> TaskCentring:
        """The same on a device."""
        mean, scale = (torch.from_numpy(a).to(device) for a in (centring.mean, centring.scale))
        return cls(mean, scale, centring.strength)

    def centres(self, support: Tensor, weights: Tensor) -> Tensor:
        """[B, P, D], of supports [B, N, K, P, D] with weights [B, N, K]: 0 where there is none."""
        total = (support * weights[..., None, None]).sum((1, 2)) + self.strength * self.mean
        return total / (weights.sum((1, 2)) + self.strength)[:, None, None]

    def rows(self, parts: Tensor, centre: Tensor) -> Tensor:
        """[B, ..., P, D] and centres [B, P, D] -> [B, ..., P * D], as `inputs.mentions.combine`."""
        centre = centre.view(len(centre), *[1] * (parts.dim() - 3), *centre.shape[1:])
        weights = torch.tensor(PART_WEIGHTS).to(parts)
        return (unit((parts - centre) / self.scale) * weights[:, None]).flatten(-2)

    def rows_of_texts(self, vectors: Tensor, centre: Tensor) -> Tensor:
        """Texts without mentions [B, ..., D] -> [B, ..., P * D]; their other parts are 0."""
        place = PARTS.index("sentence")
        centre = centre[:, place].view(len(centre), *[1] * (vectors.dim() - 2), -1)
        rows = vectors.new_zeros(*vectors.shape[:-1], len(PARTS), vectors.shape[-1])
        rows[..., place, :] = unit((vectors - centre) / self.scale[place]) * PART_WEIGHTS[place]
        return rows.flatten(-2)
