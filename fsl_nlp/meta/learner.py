"""A body and a task head, the tensors that a task adapts, and the scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.meta.bodies import Body
from fsl_nlp.meta.task_heads import TaskHead, Tensors

# The first value of the learned scale that multiplies the scores of a head.
SCALE = 10.0


@dataclass(frozen=True)
class Learner:
    """Pure functions of one task. `meta` is shared by all tasks; `fast` belongs to one task.

    Names in `meta`: body.*, fixed.* (not trained), head.*, log_scale. In `fast`: body.*, head.*.
    """

    body: Body
    head: TaskHead
    adapts: str

    @property
    def body_adapts(self) -> bool:
        """Whether inner steps change the body."""
        return self.adapts in ("body", "all")

    def initial(self, row: int, seed: int) -> Tensors:
        """`meta` before training, without the statistics of the source."""
        generator = torch.Generator().manual_seed(seed)
        body = self.body.initial(row, seed)
        head = self.head.initial(self.body.dimensions(row), generator)
        return {
            **{f"body.{name}": tensor for name, tensor in body.items()},
            **{f"head.{name}": tensor for name, tensor in head.items()},
            "log_scale": torch.tensor(math.log(SCALE)),
        }

    def source_statistics(
        self, meta: Tensors, rows: Tensor, classes: Tensor, *, updated: bool = False
    ) -> Tensors:
        """The statistics of the source, before training or (`updated`) after it."""
        compute = self.body.updated_statistics if updated else self.body.source_statistics
        statistics = compute(_part("body", meta), rows, classes)
        return {f"fixed.{n}": tensor for n, tensor in statistics.items()}

    def preprocess(self, meta: Tensors, rows: Tensor) -> Tensor:
        """Rows as the other methods take them, from the rows of examples."""
        return self.body.preprocess(_part("fixed", meta), rows)

    def recentre(self, meta: Tensors, rows: Tensor) -> Tensor:
        """Rows of one corpus with its centre computed again, for what was learned."""
        return self.body.recentre(_part("body", meta), rows)

    def warm_start(self, features: Tensor) -> Tensors:
        """Better first values of `meta`, from features of the source."""
        return {f"head.{n}": tensor for n, tensor in self.head.warm_start(features).items()}

    def shapes(self, meta: Tensors, row: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the tensors in `fast`; those of the head without the axis of classes."""
        shapes: dict[str, tuple[int, ...]] = {}
        if self.adapts in ("head", "all"):
            inside = self.head.shapes(self.body.dimensions(row))
            shapes |= {f"head.{name}": shape for name, shape in inside.items()}
        if self.body_adapts:
            shapes |= {n: tuple(t.shape) for n, t in meta.items() if n.startswith("body.")}
        return shapes

    def features(self, meta: Tensors, fast: Tensors, rows: Tensor) -> Tensor:
        """Features [n, D] of rows [n, R]; tensors of the body in `fast` replace those in `meta`."""
        body = _part("body", meta) | _part("body", fast) | _part("fixed", meta)
        return self.body.features(body, rows)

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        """`fast` before the first step, for support features [S, D]."""
        head = self.head.start(_part("head", meta), features, shares, noise)
        fast = {f"head.{name}": tensor for name, tensor in head.items()}
        if self.body_adapts:
            fast |= {n: t for n, t in meta.items() if n.startswith("body.")}
        return fast

    def penalty(self, meta: Tensors, features: Tensor, shares: Tensor) -> Tensor:
        """The penalty of the head in the outer loss."""
        return self.head.penalty(_part("head", meta), features, shares)

    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        """Scores [n, N] of features [n, D]."""
        head = self.head.scores(_part("head", meta), _part("head", fast), features)
        return meta["log_scale"].exp() * head


def support_loss(scores: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of scores [S, N]. The weights [S] of each class sum to 1, so classes have equal
    weight, and the size of a step does not depend on the number of classes."""
    return (F.cross_entropy(scores, targets, reduction="none") * weights).sum()


def _part(name: str, tensors: Tensors) -> Tensors:
    start = f"{name}."
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
