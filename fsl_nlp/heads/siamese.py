"""Siamese networks: how like a query and an example are, pair by pair."""

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

    score_n(q) = log mean_k p(q, s_nk), on unit vectors. The weights a_j, learned, are kept above 0:
    unlike parts never speak for a class. The paper trains on pairs, this on episodes.
    """

    summary: ClassVar[str] = "Learned similarity of a text and each example."
    paper: ClassVar[str] = "Koch et al. 2015"

    def initial(self, dimensions: int, seed: int) -> Parameters:
        # sum_j |q_j - s_j| of unit vectors grows with the root of the dimensions.
        start = 10 / dimensions**0.5
        return {
            "log_weights": torch.full((dimensions,), start).log(),
            "offset": torch.zeros(()),
        }

    def fit(self, support: Tensor, weights: Tensor) -> State:
        scale = self.learned(support)["log_weights"].exp()
        shares = weights / weights.sum(-1, keepdim=True).clamp(min=1e-12)
        return {"support": (unit(support) * scale).flatten(1, 2), "shares": shares}

    def score(self, state: State, query: Tensor) -> Tensor:
        learned = self.learned(query)
        scaled = unit(query) * learned["log_weights"].exp()
        distances = _city_blocks(scaled, state["support"])  # [B, Q, N * K]
        # log sigmoid(b - d), written so that runtimes which take the log of a sigmoid keep digits.
        return log_sum_of_classes(-F.softplus(distances - learned["offset"]), state["shares"])


def _city_blocks(query: Tensor, support: Tensor) -> Tensor:
    """sum_j |q_j - s_j|: query [B, Q, D], support [B, M, D] -> [B, Q, M]."""
    if torch.onnx.is_in_onnx_export():
        # What the exporter makes of `cdist` adds 1e-6 to each difference.
        return (query[:, :, None] - support[:, None]).abs().sum(-1)
    return torch.cdist(query, support, p=1)
