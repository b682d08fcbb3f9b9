"""k nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_of_example, unit
from fsl_nlp.heads.options import option, require_count

_DISTANCE_OFFSET = 0.01  # keeps the vote finite where an example equals the query
# Added to each class's share of the votes: a class without a vote may still be the right one. With
# 0.05 no temperature is far from the others' calibration; 0.03 to 0.1 were about as good on the
# validation files of BANKING77 and CLINC150 and the training file of SMP2017.
_VOTE_OFFSET = 0.05
_OLD_VOTE_OFFSET = 1e-6  # of classifiers that were saved without one


@dataclass(frozen=True)
class KnnHead(Head):
    """k nearest neighbours on unit vectors, weighted by distance (Dudani 1976).

    votes_n(q) = sum of 1 / (|q - s_i|^2 + 0.01) over those of the k nearest s_i that are of class
    n; score_n(q) = log(votes_n / sum_m votes_m + 0.05).

    >>> support, query = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0.9, 0.1]]])
    >>> head = KnnHead(k=1)
    >>> head.score(head.fit(support, torch.ones(1, 2, 1)), query).softmax(-1).round()
    tensor([[[1., 0.]]])
    """

    summary: ClassVar[str] = "The nearest examples vote, weighted by distance."
    paper: ClassVar[str] = "Dudani 1976"

    usual_temperature: ClassVar[float] = 0.16

    k: int = option(5, "how many nearest examples vote")

    def __post_init__(self) -> None:
        require_count("k", self.k)

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The unit support vectors, and the weight of each in the vote for each class."""
        return {
            "support": unit(support).flatten(1, 2),
            # [B, N * K, N], 0 for padding
            "owners": weights.flatten(1).unsqueeze(-1) * class_of_example(weights),
            "offset": support.new_full((len(support), 1, 1), _VOTE_OFFSET),
        }

    def score(self, state: State, query: Tensor) -> Tensor:
        """The logarithm of each class's share of the votes, with the offset."""
        support, vote_weights = state["support"], state["owners"]
        offset = state.get("offset", support.new_full((1, 1, 1), _OLD_VOTE_OFFSET))
        cosines = unit(query) @ support.mT  # [B, Q, N * K]
        cosines = cosines.masked_fill((vote_weights.sum(-1) == 0)[:, None], -2)
        nearest = cosines.topk(min(self.k, cosines.shape[-1]), dim=-1)
        closeness = 1 / (2 - 2 * nearest.values + _DISTANCE_OFFSET)
        votes = torch.zeros_like(cosines).scatter(-1, nearest.indices, closeness) @ vote_weights
        return (votes / votes.sum(-1, keepdim=True) + offset).log()
