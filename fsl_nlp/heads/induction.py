"""Induction networks: dynamic routing of examples to a class vector, and a tensor layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fsl_nlp.heads.base import Parameters, State
from fsl_nlp.heads.learned import LearnedHead, random_matrix
from fsl_nlp.heads.operations import unit
from fsl_nlp.heads.options import option, require_count


@dataclass(frozen=True)
class InductionHead(LearnedHead):
    """Induction networks (Geng et al. 2019, arXiv 1902.10482), on unit vectors.

    Examples e_nk = squash(W s_nk + b) with squash(x) = |x|^2 / (1 + |x|^2) x / |x| are routed
    `routings` times from t_nk = 0 (algorithm 1):

        d_n = softmax_k(t_n),   c_n = squash(sum_k d_nk e_nk),   t_nk = t_nk + e_nk.c_n

    and score_n(q) = r.relu(c_n' M q' + u) + v (equations 8 and 9). M has `slices` matrices.

    Differences to the paper: the query becomes q' = W q + b, to have the `width` of a class vector;
    v is equal for all classes and left out; the scores are trained as logits, not with a sigmoid
    and a squared error. Width and scale were chosen on FewRel's val_wiki.

    >>> vectors, classes = torch.eye(4).repeat(10, 1), torch.arange(4).repeat(10)
    >>> InductionHead(width=4, slices=2).prepare(vectors, classes, way=2, steps=1).ready
    True
    """

    summary: ClassVar[str] = "Dynamic routing makes a class vector of the examples."
    paper: ClassVar[str] = "Geng et al. 2019, arXiv 1902.10482"

    width: int = option(256, "dimensions of a class vector")
    slices: int = option(8, "matrices of the relation layer")
    routings: int = option(3, "rounds of dynamic routing")

    def __post_init__(self) -> None:
        require_count("width", self.width)
        require_count("slices", self.slices)
        require_count("routings", self.routings)

    def initial(self, dimensions: int, seed: int) -> Parameters:
        """A random W, and slices of M near the identity: at first they give dot products."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(self.slices, self.width, self.width, generator=generator)
        return {
            "transform": random_matrix(dimensions, self.width, generator),
            "bias": torch.zeros(self.width),
            "tensor": torch.eye(self.width) + noise / self.width,
            "offsets": torch.zeros(self.slices),
            # Squashed vectors are short: their products are about 0.05.
            "output": torch.full((self.slices,), 100 / self.slices),
        }

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The class vectors c_n by dynamic routing, times each slice of M."""
        p = self.learned(support)
        examples = _squash(unit(support) @ p["transform"] + p["bias"])  # [B, N, K, R]
        coupling = (weights + 1e-30).log()  # padding gets no share
        for _ in range(self.routings):
            shares = coupling.softmax(-1)
            classes = _squash((shares.unsqueeze(-1) * examples).sum(-2))  # [B, N, R]
            coupling = coupling + (examples * classes[:, :, None]).sum(-1)
        # c' M for each slice: [B, N, H, R]
        return {"classes": torch.einsum("bnr,hrt->bnht", classes, p["tensor"])}

    def score(self, state: State, query: Tensor) -> Tensor:
        """r.relu(c_n' M q' + u)."""
        p = self.learned(query)
        query = unit(query) @ p["transform"] + p["bias"]  # [B, Q, R]
        related = torch.einsum("bqt,bnht->bqnh", query, state["classes"])
        return (related + p["offsets"]).relu() @ p["output"]


def _squash(vectors: Tensor) -> Tensor:
    square = vectors.square().sum(-1, keepdim=True)
    return vectors * square.clamp(min=1e-12).sqrt() / (1 + square)
