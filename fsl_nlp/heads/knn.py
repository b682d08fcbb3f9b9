"""The nearest examples vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_of_example, unit
from fsl_nlp.heads.options import option, require_count

# Keeps the vote of a copy of the query finite.
_NO_DISTANCE = 0.01
_NO_VOTES = 1e-6


@dataclass(frozen=True)
class KnnHead(Head):
    """k nearest neighbours on unit vectors, weighted by distance (Dudani 1976).

    votes_n(q) = sum of 1 / (|q - s_i|^2 + 0.01) over those of the k nearest s_i that are of class
    n; score_n(q) = log(votes_n / sum_m votes_m), so that the softmax is the share of the votes.
    """

    summary: ClassVar[str] = "The nearest examples vote, weighted by distance."
    paper: ClassVar[str] = "Dudani 1976"

    k: int = option(5, "how many nearest examples vote")

    def __post_init__(self) -> None:
        require_count("k", self.k)

    def fit(self, support: Tensor, weights: Tensor) -> State:
        owners = class_of_example(weights)  # [N * K, N]
        return {
            "support": unit(support).flatten(1, 2),
            # An example's vote for each class; nothing for padding.
            "owners": weights.flatten(1).unsqueeze(-1) * owners,  # [B, N * K, N]
        }

    def score(self, state: State, query: Tensor) -> Tensor:
        support, owners = state["support"], state["owners"]
        cosines = unit(query) @ support.mT  # [B, Q, N * K]
        cosines = cosines.masked_fill((owners.sum(-1) == 0)[:, None], -2)
        nearest = cosines.topk(min(self.k, cosines.shape[-1]), dim=-1)
        shares = 1 / (2 - 2 * nearest.values + _NO_DISTANCE)
        ballots = torch.zeros_like(cosines).scatter(-1, nearest.indices, shares)
        votes = ballots @ owners
        return (votes / votes.sum(-1, keepdim=True) + _NO_VOTES).log()
