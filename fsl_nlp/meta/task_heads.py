"""Heads of one task, as pure functions: what inner steps may change, and where it starts.

No batch here: `vmap` adds the tasks. S support rows, N classes, D dimensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from fsl_nlp.heads.learned import random_matrix
from fsl_nlp.heads.operations import unit
from fsl_nlp.lazy import load_object

Tensors = dict[str, Tensor]

TASK_HEADS: dict[str, str] = {
    "zeros": "fsl_nlp.meta.task_heads:ZeroHead",
    "prototypes": "fsl_nlp.meta.task_heads:PrototypeHead",
    "cosine": "fsl_nlp.meta.task_heads:CosineHead",
    "context": "fsl_nlp.meta.task_heads:ContextHead",
    "latent": "fsl_nlp.meta.latent:LatentHead",
}


class TaskHead(ABC):
    """`meta` is learned from source classes, `fast` is what a task makes of it."""

    @abstractmethod
    def initial(self, dimensions: int, generator: torch.Generator) -> Tensors:
        """`meta` before training."""

    def warm_start(self, features: Tensor) -> Tensors:
        """Those of `meta` that better begin with what the source's features [n, D] say."""
        return {}

    def noise(self, dimensions: int) -> int:
        """How many random numbers a class's start takes in training."""
        return 0

    @abstractmethod
    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        """`fast` before the first step: features [S, D]; shares [N, S] average a class's rows;
        noise [N, ...] of a standard Gaussian, in training only."""

    def penalty(self, meta: Tensors, features: Tensor, shares: Tensor) -> Tensor:
        """What the outer loss pays for that noise."""
        return features.new_zeros(())

    @abstractmethod
    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        """features [n, D] -> [n, N], to be multiplied by the learned scale."""

    @abstractmethod
    def shapes(self, dimensions: int) -> dict[str, tuple[int, ...]]:
        """Of each tensor of `fast`, without the classes: a learned rate is shared by them."""


def task_head(name: str) -> TaskHead:
    """The head behind a name of `TASK_HEADS`."""
    found: TaskHead = load_object(TASK_HEADS[name])()
    return found


class _Linear(TaskHead):
    """score_n(f) = w_n.f + b_n, with w [N, D] and b [N]."""

    def initial(self, dimensions: int, generator: torch.Generator) -> Tensors:
        return {}

    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        return features @ fast["weight"].mT + fast["bias"]

    def shapes(self, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (dimensions,), "bias": ()}


class ZeroHead(_Linear):
    """All classes start alike, since their order means nothing; then it does not matter where: what
    all scores have in common cancels in the softmax. So they start at 0."""

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        way = len(shares)
        return {
            "weight": features.new_zeros(way, features.shape[-1]),
            "bias": features.new_zeros(way),
        }


class PrototypeHead(_Linear):
    """w_n = 2 c_n and b_n = -|c_n|^2: the scores of squared distances to the class means c_n."""

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        centres = shares @ features
        return {"weight": 2 * centres, "bias": -centres.square().sum(-1)}


class CosineHead(_Linear):
    """w_n is the class mean, of unit length."""

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        return {"weight": unit(shares @ features), "bias": features.new_zeros(len(shares))}


class ContextHead(TaskHead):
    """w_n = P z_n: a context vector z_n a class, which starts at 0 and alone adapts.

    The paper has one context vector for a task whose classes have an order; ours have none.
    """

    size = 128

    def initial(self, dimensions: int, generator: torch.Generator) -> Tensors:
        size = min(self.size, dimensions)
        return {
            "project": random_matrix(size, dimensions, generator).mT.contiguous(),  # [D, size]
        }

    def warm_start(self, features: Tensor) -> Tensors:
        return {"project": principal(features, self.size)}

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        return {"context": features.new_zeros(len(shares), meta["project"].shape[1])}

    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        return features @ (fast["context"] @ meta["project"].mT).mT

    def shapes(self, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {"context": (min(self.size, dimensions),)}


def principal(features: Tensor, size: int) -> Tensor:
    """[D, size]: the directions in which features [n, D] vary most, each of length 1."""
    centred = (features - features.mean(0)).double()
    _, axes = torch.linalg.eigh(centred.mT @ centred)
    return axes[:, -size:].to(features).contiguous()
