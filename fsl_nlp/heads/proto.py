"""Prototypes: the class whose mean is nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_means, means_and_excess, squared_distances, unit
from fsl_nlp.heads.options import require_choice

DISTANCES = ("cosine", "euclidean")


@dataclass(frozen=True)
class ProtoHead(Head):
    """Prototypical networks (Snell et al. 2017, arXiv 1703.05175).

    c_n = sum_k w_nk s_nk / sum_k w_nk, and score_n(q) = -|q - c_n|^2 ("euclidean", equation 2)
    or cos(q, c_n) ("cosine", with the mean of unit vectors).

    As in `simpleshot`, v / K_n is taken off each Euclidean distance, so that classes with unlike
    numbers of examples compete fairly; with like numbers the beliefs are the paper's.
    """

    takes_candidates: ClassVar[bool] = True

    distance: Literal["cosine", "euclidean"] = "cosine"

    def __post_init__(self) -> None:
        require_choice("distance", self.distance, DISTANCES)

    def fit(self, support: Tensor, weights: Tensor) -> State:
        if self.distance == "cosine":
            return {"prototypes": unit(class_means(unit(support), weights))}
        prototypes, excess = means_and_excess(support, weights)
        return {"prototypes": prototypes, "excess": excess}

    def score(self, state: State, query: Tensor) -> Tensor:
        if self.distance == "cosine":
            return unit(query) @ state["prototypes"].mT
        return state["excess"][:, None] - squared_distances(query, state["prototypes"])
