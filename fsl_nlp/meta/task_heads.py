"""Heads of one task, as pure functions: where they start, and their scores.

There is no axis of tasks: `vmap` adds it. S support rows, N classes, D dimensions.
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
    """The head of a task. `meta` is learned from source classes, `fast` is adapted to the task."""

    @abstractmethod
    def initial(self, dimensions: int, generator: torch.Generator) -> Tensors:
        """`meta` before training."""

    def warm_start(self, features: Tensor) -> Tensors:
        """Better first values for some tensors of `meta`, from features [n, D] of the source."""
        return {}

    def noise_size(self, dimensions: int) -> int:
        """The number of random numbers for the start of a class in training."""
        return 0

    @abstractmethod
    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        """`fast` before the first step, from features [S, D]; shares [N, S] are the weights of the
        class means; noise [N, ...] is standard Gaussian, in training only."""

    def penalty(self, meta: Tensors, features: Tensor, shares: Tensor) -> Tensor:
        """A penalty for the noise, added to the outer loss."""
        return features.new_zeros(())

    @abstractmethod
    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        """Scores [n, N] of features [n, D], without the learned scale."""

    @abstractmethod
    def shapes(self, dimensions: int) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor of `fast` without the axis of classes, for learned rates."""


def task_head(name: str) -> TaskHead:
    """The task head with this name in `TASK_HEADS`."""
    head: TaskHead = load_object(TASK_HEADS[name])()
    return head


class _Linear(TaskHead):
    """score_n(f) = w_n.f + b_n, with w [N, D] and b [N]."""

    def initial(self, dimensions: int, generator: torch.Generator) -> Tensors:
        """Nothing is learned."""
        return {}

    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        """Linear scores."""
        return features @ fast["weight"].mT + fast["bias"]

    def shapes(self, dimensions: int) -> dict[str, tuple[int, ...]]:
        """The weights and the bias of a class."""
        return {"weight": (dimensions,), "bias": ()}


class ZeroHead(_Linear):
    """Starts at 0. The order of classes has no meaning, so all start with the same weights; which
    ones does not matter, since what all scores share cancels in the softmax."""

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        """All zeros."""
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
        """The scores of squared distances."""
        centres = shares @ features
        return {"weight": 2 * centres, "bias": -centres.square().sum(-1)}


class CosineHead(_Linear):
    """w_n = c_n / |c_n|, the direction of the class mean."""

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        """Unit class means, no bias."""
        return {"weight": unit(shares @ features), "bias": features.new_zeros(len(shares))}


class ContextHead(TaskHead):
    """w_n = P z_n, with a context vector z_n for each class. It starts at 0, and only it adapts.

    The paper has one context vector for a task with ordered classes; here classes have no order.
    """

    size = 128

    def initial(self, dimensions: int, generator: torch.Generator) -> Tensors:
        """A random projection."""
        size = min(self.size, dimensions)
        return {
            "project": random_matrix(size, dimensions, generator).mT.contiguous(),  # [D, size]
        }

    def warm_start(self, features: Tensor) -> Tensors:
        """The principal directions as projection."""
        return {"project": principal(features, self.size)}

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        """Context vectors of zeros."""
        return {"context": features.new_zeros(len(shares), meta["project"].shape[1])}

    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        """Dot products with the projected context vectors."""
        return features @ (fast["context"] @ meta["project"].mT).mT

    def shapes(self, dimensions: int) -> dict[str, tuple[int, ...]]:
        """A context vector."""
        return {"context": (min(self.size, dimensions),)}


def principal(features: Tensor, size: int) -> Tensor:
    """The first principal directions [D, size] of features [n, D], each of length 1."""
    centred = (features - features.mean(0)).double()
    _, axes = torch.linalg.eigh(centred.mT @ centred)
    return axes[:, -size:].to(features).contiguous()
