"""The class whose examples lie densest around the query."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, einsum
from torch.nn.functional import normalize

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.options import option


@dataclass(frozen=True)
class CosineDensityHead(Head):
    """score_n(q) = log(sum_k w_nk exp(scale cos(q, s_nk)) / sum_k w_nk)."""

    summary = "The class whose examples lie densest around the query."

    scale: float = option(10.0, "multiplies the cosines")

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise OptionError(f"scale={self.scale!r}: must be greater than 0.")

    def fit(self, support: Tensor, weights: Tensor) -> State:
        share = weights / weights.sum(-1, keepdim=True)
        return {"support": normalize(support, dim=-1), "share": share}  # [B, N, K, D], [B, N, K]

    def score(self, state: State, query: Tensor) -> Tensor:
        cosine = einsum("bqd,bnkd->bqnk", normalize(query, dim=-1), state["support"])
        # The logarithm of a share of 0, which pads a class with few examples, is -inf.
        return (self.scale * cosine + state["share"].log()[:, None]).logsumexp(-1)  # [B, Q, N]
