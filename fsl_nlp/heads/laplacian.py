"""LaplacianShot: queries that are near each other get the same class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_means, squared_distances, unit
from fsl_nlp.heads.options import option, require_above, require_count


@dataclass(frozen=True)
class LaplacianHead(Head):
    """LaplacianShot (Ziko et al. 2020, arXiv 2006.15486), on unit vectors. Transductive.

    With a_qn = scale |q - c_n|^2, c_n the unit prototypes, and w(q, p) = 1 where p is one of the
    `neighbours` nearest queries of q, else 0, the probabilities Y_q of each query are updated
    `updates` times:

        Y_q = softmax(-a_q + strength sum_p w(q, p) Y_p)    (equation 9)

    from Y_q = softmax(-a_q). The scores are the logits of the last update.

    >>> support, queries = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0.9, 0.1], [0.1, 0.9]]])
    >>> head = LaplacianHead()
    >>> head.score(head.fit(support, torch.ones(1, 2, 1)), queries).argmax(-1)
    tensor([[0, 1]])
    """

    summary: ClassVar[str] = "Prototypes, and queries near each other get one class."
    paper: ClassVar[str] = "Ziko et al. 2020, arXiv 2006.15486"

    transductive: ClassVar[bool] = True

    neighbours: int = option(3, "nearest queries that influence a query")
    strength: float = option(0.3, "weight of these neighbours")
    scale: float = option(10.0, "factor on the distances to the prototypes")
    updates: int = option(20, "rounds of updates")

    def __post_init__(self) -> None:
        require_count("neighbours", self.neighbours)
        require_above("strength", self.strength, 0)
        require_above("scale", self.scale, 0)
        require_count("updates", self.updates)

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The unit prototypes c_n."""
        return {"prototypes": unit(class_means(unit(support), weights))}

    def score(self, state: State, query: Tensor) -> Tensor:
        """The logits of the last update; -a_q if there is one query only."""
        query = unit(query)
        unary = -self.scale * squared_distances(query, state["prototypes"])  # [B, Q, N]
        Q = query.shape[1]
        if Q == 1:
            return unary
        cosines = (query @ query.mT).masked_fill(torch.eye(Q).to(query) > 0, -2)
        nearest = cosines.topk(min(self.neighbours, Q - 1), dim=-1).indices
        affinity = torch.zeros_like(cosines).scatter(-1, nearest, self.strength)  # [B, Q, Q]
        scores = unary
        for _ in range(self.updates):
            scores = unary + affinity @ scores.softmax(-1)
        return scores
