"""Matching networks: a query attends to every example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fsl_nlp.heads.base import Parameters, State
from fsl_nlp.heads.learned import LearnedHead, random_matrix
from fsl_nlp.heads.operations import log_sum_of_classes, unit
from fsl_nlp.heads.options import option, require_above, require_count


@dataclass(frozen=True)
class MatchingHead(LearnedHead):
    """Matching networks (Vinyals et al. 2016, arXiv 1606.04080).

    P(n|q) = sum of a(q, s_i) over the examples i of class n, with a(q, s_i) =
    softmax_i(scale cos(f(q), s_i)) (equation 1; the paper has scale = 1). The scores are log P.

    f(q) = q, or with `full_context` the query after `reads` steps of an LSTM that reads the
    support set (appendix A.1): h_k = LSTM([h_{k-1}, r_{k-1}], q) + q and
    r_k = sum_i softmax_i(scale h_k.s_i) s_i. Its cell has `hidden` units. The paper also passes the
    examples through a bidirectional LSTM; they have no order, so that is left out.

    >>> support, query = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0.9, 0.1]]])
    >>> head = MatchingHead()
    >>> head.score(head.fit(support, torch.ones(1, 2, 1)), query).argmax(-1)
    tensor([[0]])
    """

    summary: ClassVar[str] = "Every example votes, weighted by its cosine to the text."
    paper: ClassVar[str] = "Vinyals et al. 2016, arXiv 1606.04080"

    scale: float = option(5.0, "factor on the cosines: larger lets the nearest examples decide")
    full_context: bool = option(
        False, "an LSTM reads the support set first; it needs source classes"
    )
    reads: int = option(2, "steps of that LSTM")
    hidden: int = option(128, "units of that LSTM")

    def __post_init__(self) -> None:
        require_above("scale", self.scale, 0)
        require_count("reads", self.reads)
        require_count("hidden", self.hidden)

    @property
    def ready(self) -> bool:
        """False if `full_context` has no parameters yet."""
        return not self.full_context or super().ready

    def initial(self, dimensions: int, seed: int) -> Parameters:
        """The LSTM, with an output of 0; nothing without `full_context`."""
        if not self.full_context:
            return {}
        generator = torch.Generator().manual_seed(seed)
        gates = 4 * self.hidden
        return {
            "from_query": random_matrix(dimensions, gates, generator),
            "from_state": random_matrix(dimensions, gates, generator),
            "from_read": random_matrix(dimensions, gates, generator),
            "bias": torch.zeros(gates),
            "output": torch.zeros(self.hidden, dimensions),
        }

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The unit support vectors."""
        if self.full_context:
            self.learned(support)
        return {"support": unit(support).flatten(1, 2), "weights": weights}

    def score(self, state: State, query: Tensor) -> Tensor:
        """log P(n|q)."""
        support, weights = state["support"], state["weights"]
        query = unit(query)
        if self.full_context:
            query = unit(self._attend(query, support, weights))
        logs = (self.scale * query @ support.mT).masked_fill(weights.flatten(1)[:, None] == 0, -1e4)
        scores = log_sum_of_classes(logs, weights)
        return scores - scores.logsumexp(-1, keepdim=True)

    def _attend(self, query: Tensor, support: Tensor, weights: Tensor) -> Tensor:
        """The queries [B, Q, D] after the steps of the LSTM."""
        p = self.learned(query)
        padding = (weights.flatten(1) == 0)[:, None]  # [B, 1, N * K]
        state, cell = torch.zeros_like(query), query.new_zeros(*query.shape[:2], self.hidden)
        for _ in range(self.reads):
            attention = (self.scale * state @ support.mT).masked_fill(padding, -1e4).softmax(-1)
            context = attention @ support  # [B, Q, D]
            gates = query @ p["from_query"] + state @ p["from_state"] + context @ p["from_read"]
            enter, keep, leave, candidate = (gates + p["bias"]).chunk(4, dim=-1)
            cell = keep.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
            state = query + (leave.sigmoid() * cell.tanh()) @ p["output"]
        return state
