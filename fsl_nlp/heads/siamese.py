"""Siamese networks: the similarity of a query to each example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.heads.base import Parameters, State
from fsl_nlp.heads.learned import LearnedHead
from fsl_nlp.heads.operations import log_sum_of_classes, unit


@dataclass(frozen=True)
class SiameseHead(LearnedHead):
    """Siamese networks (Koch et al. 2015): p(q, s) = sigmoid(b - sum_j a_j |q_j - s_j|).

    score_n(q) = log mean_k p(q, s_nk), on unit vectors. The learned weights a_j stay above 0, so a
    difference always lowers the score. The paper trains on pairs; this head trains on episodes.

    >>> vectors, classes = torch.eye(4).repeat(10, 1), torch.arange(4).repeat(10)
    >>> SiameseHead().prepare(vectors, classes, way=2, steps=1).ready
    True
    """

    summary: ClassVar[str] = "Learned similarity of a text and each example."
    paper: ClassVar[str] = "Koch et al. 2015"

    def initial(self, dimensions: int, seed: int) -> Parameters:
        """Equal weights for all dimensions."""
        # sum_j |q_j - s_j| of unit vectors grows with the root of the dimensions.
        start = 10 / dimensions**0.5
        return {
            "log_weights": torch.full((dimensions,), start).log(),
            "offset": torch.zeros(()),
        }

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The scaled support vectors, and the share of each example in its class."""
        scale = self.learned(support)["log_weights"].exp()
        shares = weights / weights.sum(-1, keepdim=True).clamp(min=1e-12)
        return {"support": (unit(support) * scale).flatten(1, 2), "shares": shares}

    def score(self, state: State, query: Tensor) -> Tensor:
        """log mean_k p(q, s_nk)."""
        p = self.learned(query)
        scaled = unit(query) * p["log_weights"].exp()
        distances = _city_blocks(scaled, state["support"])  # [B, Q, N * K]
        # log sigmoid(b - d), in a form that stays exact in runtimes without a log-sigmoid.
        return log_sum_of_classes(-F.softplus(distances - p["offset"]), state["shares"])


def _city_blocks(query: Tensor, support: Tensor) -> Tensor:
    """sum_j |q_j - s_j|: query [B, Q, D], support [B, M, D] -> [B, Q, M]."""
    if torch.onnx.is_in_onnx_export():
        # The exporter's `cdist` adds 1e-6 to each difference.
        return (query[:, :, None] - support[:, None]).abs().sum(-1)
    return torch.cdist(query, support, p=1)
