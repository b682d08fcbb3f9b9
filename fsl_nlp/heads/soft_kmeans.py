"""Soft k-means: prototypes refined by the queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_means, unit
from fsl_nlp.heads.options import option, require_above, require_count


@dataclass(frozen=True)
class SoftKMeansHead(Head):
    """Soft k-means (Ren et al. 2018, arXiv 1803.00676, section 3.1.1). Transductive.

    The unlabelled examples of the paper are the queries of the task: `updates` times,

        z_qn = softmax_n(scale cos(q, c_n)),    c_n = (sum_k s_nk + sum_q z_qn q) / (K + sum_q z_qn)

    on unit vectors. The scores are the cosines to the last c_n. The paper has the negative squared
    distance in place of `scale` times the cosine.

    >>> import torch
    >>> support, queries = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0.9, 0.1], [0.1, 0.9]]])
    >>> head = SoftKMeansHead()
    >>> head.score(head.fit(support, torch.ones(1, 2, 1)), queries).argmax(-1)
    tensor([[0, 1]])
    """

    summary: ClassVar[str] = "Prototypes that move towards the queries."
    paper: ClassVar[str] = "Ren et al. 2018, arXiv 1803.00676"

    transductive: ClassVar[bool] = True

    updates: int = option(3, "rounds of updates")
    scale: float = option(20.0, "factor on the cosines in the assignment")

    def __post_init__(self) -> None:
        require_count("updates", self.updates)
        require_above("scale", self.scale, 0)

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The class means before any query, and the number of examples behind each."""
        return {
            "means": class_means(unit(support), weights),  # [B, N, D]
            "sizes": weights.sum(-1, keepdim=True),  # [B, N, 1]
        }

    def score(self, state: State, query: Tensor) -> Tensor:
        """The cosines to the prototypes after the last update."""
        query = unit(query)
        means, sizes = state["means"], state["sizes"]
        scores = query @ unit(means).mT  # [B, Q, N]
        for _ in range(self.updates):
            assignments = (self.scale * scores).softmax(-1).mT  # [B, N, Q]
            # The division by the total does not change the direction.
            scores = query @ unit(sizes * means + assignments @ query).mT
        return scores
