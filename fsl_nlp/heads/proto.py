"""Prototypes: the class whose mean is nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_means, means_and_excess, squared_distances, unit
from fsl_nlp.heads.options import option, require_choice

DISTANCES = ("cosine", "euclidean")


@dataclass(frozen=True)
class ProtoHead(Head):
    """Prototypical networks (Snell et al. 2017, arXiv 1703.05175).

    c_n = sum_k w_nk s_nk / sum_k w_nk, and score_n(q) = -|q - c_n|^2 ("euclidean", equation 2)
    or cos(q, c_n) ("cosine", with the mean of unit vectors).

    v / K_n (`means_and_excess`) is taken off each Euclidean distance, so that classes with
    different numbers of examples compete fairly; with equal numbers the probabilities are the
    paper's.

    >>> import torch
    >>> support, query = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0.6, 0.8]]])
    >>> head = ProtoHead()
    >>> head.score(head.fit(support, torch.ones(1, 2, 1)), query)
    tensor([[[0.6000, 0.8000]]])
    """

    takes_candidates: ClassVar[bool] = True
    summary: ClassVar[str] = "The class whose mean is nearest; a strong start with few examples."
    paper: ClassVar[str] = "Snell et al. 2017, arXiv 1703.05175"

    distance: Literal["cosine", "euclidean"] = option(
        "cosine", "how near a text is to a class mean"
    )

    def __post_init__(self) -> None:
        require_choice("distance", self.distance, DISTANCES)

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The prototypes c_n [B, N, D]."""
        if self.distance == "cosine":
            return {"prototypes": unit(class_means(unit(support), weights))}
        prototypes, excess = means_and_excess(support, weights)
        return {"prototypes": prototypes, "excess": excess}

    def score(self, state: State, query: Tensor) -> Tensor:
        """cos(q, c_n) or v / K_n - |q - c_n|^2."""
        if self.distance == "cosine":
            return unit(query) @ state["prototypes"].mT
        return state["excess"][:, None] - squared_distances(query, state["prototypes"])
