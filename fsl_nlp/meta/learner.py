"""A body and a task's head: which of their tensors a task adapts, and the scores that result."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.meta.bodies import Body
from fsl_nlp.meta.task_heads import TaskHead, Tensors

# The cosines of a head are multiplied by a learned scale that starts here.
SCALE = 10.0


@dataclass(frozen=True)
class Learner:
    """Pure functions of one task. `meta` is shared by all tasks; `fast` is the task's own.

    Names in `meta`: body.*, fixed.* (never trained), head.*, log_scale. In `fast`: body.*, head.*.
    """

    body: Body
    head: TaskHead
    adapts: str

    @property
    def body_adapts(self) -> bool:
        return self.adapts in ("body", "all")

    def initial(self, row: int, seed: int) -> Tensors:
        """`meta` before training, but for what is fixed by the source."""
        generator = torch.Generator().manual_seed(seed)
        body = self.body.initial(row, seed)
        head = self.head.initial(self.body.dimensions(row), generator)
        return {
            **{f"body.{name}": tensor for name, tensor in body.items()},
            **{f"head.{name}": tensor for name, tensor in head.items()},
            "log_scale": torch.tensor(math.log(SCALE)),
        }

    def fixed(
        self, meta: Tensors, rows: Tensor, classes: Tensor, *, again: bool = False
    ) -> Tensors:
        """What the body reads off the source before training, or `again` after it."""
        read = self.body.fixed_again if again else self.body.fixed
        found = read(_part("body", meta), rows, classes)
        return {f"fixed.{n}": tensor for n, tensor in found.items()}

    def ground(self, meta: Tensors, rows: Tensor) -> Tensor:
        """Rows as they come -> as all other functions here take them."""
        return self.body.ground(_part("fixed", meta), rows)

    def follow(self, meta: Tensors, rows: Tensor) -> Tensor:
        return self.body.follow(_part("body", meta), rows)

    def warm_start(self, features: Tensor) -> Tensors:
        return {f"head.{n}": tensor for n, tensor in self.head.warm_start(features).items()}

    def shapes(self, meta: Tensors, row: int) -> dict[str, tuple[int, ...]]:
        """Of what adapts, by the names in `fast`; the head's without its classes."""
        shapes: dict[str, tuple[int, ...]] = {}
        if self.adapts in ("head", "all"):
            inside = self.head.shapes(self.body.dimensions(row))
            shapes |= {f"head.{name}": shape for name, shape in inside.items()}
        if self.body_adapts:
            shapes |= {n: tuple(t.shape) for n, t in meta.items() if n.startswith("body.")}
        return shapes

    def features(self, meta: Tensors, fast: Tensors, rows: Tensor) -> Tensor:
        """[n, R] -> [n, D]; by the task's own body if it has one."""
        body = _part("body", meta) | _part("body", fast) | _part("fixed", meta)
        return self.body.features(body, rows)

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        """`fast` before the first step, for features [S, D] under `meta`."""
        head = self.head.start(_part("head", meta), features, shares, noise)
        fast = {f"head.{name}": tensor for name, tensor in head.items()}
        if self.body_adapts:
            fast |= {n: t for n, t in meta.items() if n.startswith("body.")}
        return fast

    def penalty(self, meta: Tensors, features: Tensor, shares: Tensor) -> Tensor:
        return self.head.penalty(_part("head", meta), features, shares)

    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        """[n, D] -> [n, N]."""
        head = self.head.scores(_part("head", meta), _part("head", fast), features)
        return meta["log_scale"].exp() * head


def support_loss(scores: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of scores [S, N]; the weights [S] of a class sum to 1, so classes count alike,
    and a step moves the weights of a class as far whatever the number of classes."""
    return (F.cross_entropy(scores, targets, reduction="none") * weights).sum()


def _part(name: str, tensors: Tensors) -> Tensors:
    start = f"{name}."
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
