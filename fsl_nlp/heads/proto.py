"""Prototypes: the class whose mean is nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.base import Head, State

DISTANCES = ("cosine", "euclidean")


@dataclass(frozen=True)
class ProtoHead(Head):
    """Prototypical networks (Snell et al. 2017, arXiv 1703.05175).

    c_n = sum_k w_nk s_nk / sum_k w_nk, and score_n(q) = -|q - c_n|^2 ("euclidean", equation 2)
    or cos(q, c_n) ("cosine", with the mean of unit vectors).
    """

    distance: Literal["cosine", "euclidean"] = "cosine"

    def __post_init__(self) -> None:
        if self.distance not in DISTANCES:
            raise OptionError(
                f"distance={self.distance!r}: choose one of {', '.join(map(repr, DISTANCES))}."
            )

    def fit(self, support: Tensor, weights: Tensor) -> State:
        if self.distance == "cosine":
            support = F.normalize(support, dim=-1)
        total = weights.sum(-1, keepdim=True).clamp(min=1e-12)
        prototypes = (weights / total).unsqueeze(-2).matmul(support).squeeze(-2)  # [B, N, D]
        if self.distance == "cosine":
            prototypes = F.normalize(prototypes, dim=-1)
        return {"prototypes": prototypes}

    def score(self, state: State, query: Tensor) -> Tensor:
        prototypes = state["prototypes"]
        if self.distance == "cosine":
            return F.normalize(query, dim=-1) @ prototypes.mT
        # |q - c|^2 = |q|^2 - 2 q.c + |c|^2
        dots = query @ prototypes.mT
        return (
            2 * dots - query.square().sum(-1, keepdim=True) - prototypes.square().sum(-1)[:, None]
        )
