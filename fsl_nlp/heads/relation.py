"""Relation networks: a small network scores pairs of a query and a prototype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from fsl_nlp.heads.base import Parameters, State
from fsl_nlp.heads.learned import LearnedHead, random_matrix
from fsl_nlp.heads.operations import class_means, unit
from fsl_nlp.heads.options import option, require_choice, require_count

PAIRINGS = ("concatenate", "compare")


@dataclass(frozen=True)
class RelationHead(LearnedHead):
    """Relation networks (Sung et al. 2018, arXiv 1711.06025): r_n(q) = g([c_n, q]).

    g has one hidden layer with ReLU. `pairing` is its input: c and q ("concatenate", the paper), or
    c, q, |c - q| and D c * q ("compare"), which frozen vectors need. The scores are trained as
    logits; the paper has a sigmoid and a squared error.

    >>> vectors, classes = torch.eye(4).repeat(10, 1), torch.arange(4).repeat(10)
    >>> RelationHead(hidden=4).prepare(vectors, classes, way=2, steps=1).ready
    True
    """

    summary: ClassVar[str] = "A small network compares a text with each prototype."
    paper: ClassVar[str] = "Sung et al. 2018, arXiv 1711.06025"

    learning_rate: ClassVar[float] = 3e-3

    pairing: Literal["concatenate", "compare"] = option(
        "compare", "what the network sees: both vectors, or also their difference and product"
    )
    hidden: int = option(64, "hidden units of the network")

    def __post_init__(self) -> None:
        require_choice("pairing", self.pairing, PAIRINGS)
        require_count("hidden", self.hidden)

    def initial(self, dimensions: int, seed: int) -> Parameters:
        """Random weights of both layers."""
        generator = torch.Generator().manual_seed(seed)
        parts = ["prototype", "query"]
        if self.pairing == "compare":
            parts += ["difference", "product"]
        return {
            **{part: random_matrix(dimensions, self.hidden, generator) for part in parts},
            "bias": torch.zeros(self.hidden),
            "output": random_matrix(1, self.hidden, generator)[0],
        }

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The unit prototypes, and their part of the hidden layer."""
        prototypes = unit(class_means(unit(support), weights))
        return {"prototypes": prototypes, "seen": prototypes @ self.learned(support)["prototype"]}

    def score(self, state: State, query: Tensor) -> Tensor:
        """g([c_n, q])."""
        p = self.learned(query)
        query = unit(query)
        query_part = query @ p["query"] + p["bias"]  # [B, Q, H]
        scores = []
        # Class by class: all pairs at once would take N times the memory of the queries.
        for n in range(state["prototypes"].shape[1]):
            prototype = state["prototypes"][:, n : n + 1]
            layer = query_part + state["seen"][:, n : n + 1]
            if self.pairing == "compare":
                layer = layer + (query - prototype).abs() @ p["difference"]
                layer = layer + query.shape[-1] * (query * prototype) @ p["product"]
            scores.append(layer.relu() @ p["output"])
        return torch.stack(scores, -1)
