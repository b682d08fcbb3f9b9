"""TADAM: prototypes with a learned scale, on vectors that depend on the task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fsl_nlp.heads.base import Parameters, State
from fsl_nlp.heads.learned import LearnedHead, random_matrix
from fsl_nlp.heads.operations import class_means, means_and_excess, squared_distances, unit
from fsl_nlp.heads.options import option, require_count


@dataclass(frozen=True)
class TadamHead(LearnedHead):
    """TADAM (Oreshkin et al. 2018, arXiv 1805.10123).

    score_n(q) = -scale |g(q) - mean_k g(s_nk)|^2 with g(x) = unit((1 + gamma) * x + beta).

    A network with one hidden layer and a skip connection computes gamma and beta from the mean of
    the task's prototypes. Each dimension of them is multiplied by a learned factor that starts at
    0 (section 2.3), so that training starts from prototypes. The scale is learned (section 2.1).

    v / K_n (`means_and_excess`) is taken off each distance before scaling, so that classes with
    different numbers of examples compete fairly; with equal numbers the probabilities are the
    paper's.

    >>> vectors, classes = torch.eye(4).repeat(10, 1), torch.arange(4).repeat(10)
    >>> TadamHead(hidden=4).prepare(vectors, classes, way=2, steps=1).ready
    True
    """

    summary: ClassVar[str] = "Prototypes; the task itself scales and shifts the vectors."
    paper: ClassVar[str] = "Oreshkin et al. 2018, arXiv 1805.10123"

    hidden: int = option(64, "hidden units of the network that conditions on the task")

    def __post_init__(self) -> None:
        require_count("hidden", self.hidden)

    def initial(self, dimensions: int, seed: int) -> Parameters:
        """A random network whose factors are 0, so that gamma = beta = 0; scale = 5."""
        generator = torch.Generator().manual_seed(seed)
        return {
            "task_in": random_matrix(dimensions, self.hidden, generator),
            "task_bias": torch.zeros(self.hidden),
            "task_gamma": random_matrix(self.hidden, dimensions, generator),
            "task_beta": random_matrix(self.hidden, dimensions, generator),
            "gamma_factor": torch.zeros(dimensions),
            "beta_factor": torch.zeros(dimensions),
            "log_scale": torch.tensor(math.log(5.0)),
        }

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """gamma and beta of the task, the class means of g(s) and their excess."""
        p = self.learned(support)
        support = unit(support)
        task = unit(class_means(support, weights).mean(1))  # [B, D]
        hidden = (task @ p["task_in"] + p["task_bias"]).relu()
        gamma = p["gamma_factor"] * (task + hidden @ p["task_gamma"])
        beta = p["beta_factor"] * (task + hidden @ p["task_beta"])
        modulated = unit(support * (1 + gamma)[:, None, None] + beta[:, None, None])
        prototypes, excess = means_and_excess(modulated, weights)
        return {"gamma": gamma, "beta": beta, "prototypes": prototypes, "excess": excess}

    def score(self, state: State, query: Tensor) -> Tensor:
        """scale (v / K_n - |g(q) - mean_k g(s_nk)|^2)."""
        scale = self.learned(query)["log_scale"].exp()
        modulated = unit(unit(query) * (1 + state["gamma"])[:, None] + state["beta"][:, None])
        distances = squared_distances(modulated, state["prototypes"])
        return -scale * (distances - state["excess"][:, None])
