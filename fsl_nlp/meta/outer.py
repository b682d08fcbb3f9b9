"""The outer loss: the loss of the queries after the inner loop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.meta.algorithms import Algorithm
from fsl_nlp.meta.inner import InnerLoop
from fsl_nlp.meta.task_heads import Tensors

# In this first share of training the losses of all inner steps count, less and less (MAML++).
_MULTI_STEP = 0.5


@dataclass(frozen=True)
class Batch:
    """Tasks of one size over distinct rows [U, R]: support [B, N, K] and query [B, N * Q] are
    indices of rows, weights [B, N, K] are 0 for padding. `plain` are the rows before preprocessing,
    for comparisons. `noise` [B, N, ...] is for heads with a random start.
    """

    rows: Tensor
    support: Tensor
    query: Tensor
    weights: Tensor
    plain: Tensor | None = None
    noise: Tensor | None = None

    @classmethod
    def of(
        cls,
        rows: Tensor,
        support: Tensor,
        query: Tensor,
        weights: Tensor,
        plain: Tensor | None = None,
    ) -> Batch:
        """A batch from indices into all rows of a corpus."""
        flat = torch.cat([support.flatten(), query.flatten()])
        used, indices = torch.unique(flat, return_inverse=True)
        indices = indices.to(rows.device)
        return cls(
            rows[used.to(rows.device)],
            indices[: support.numel()].view(support.shape),
            indices[support.numel() :].view(query.shape),
            weights.to(rows),
            plain[used.to(rows.device)] if plain is not None else None,
        )

    @property
    def targets(self) -> Tensor:
        """The classes [N * Q] of the queries, which are ordered by class."""
        way = self.support.shape[1]
        each = self.query.shape[1] // way
        return torch.arange(way, device=self.query.device).repeat_interleave(each)

    def __len__(self) -> int:
        return len(self.support)

    def select(self, tasks: Tensor) -> Batch:
        """The batch of some of the tasks."""
        tasks = tasks.to(self.support.device)
        part = Batch.of(self.rows, self.support[tasks], self.query[tasks], self.weights[tasks])
        return part if self.noise is None else replace(part, noise=self.noise[tasks])


@dataclass(frozen=True)
class Outcome:
    """`loss`, the mean over tasks, with gradients; `hits` [B, N * Q]; how many tasks `diverged`."""

    loss: Tensor
    hits: Tensor
    diverged: int


def meta_loss(
    loop: InnerLoop, algorithm: Algorithm, meta: Tensors, batch: Batch, progress: float = 1.0
) -> Outcome:
    """The outer loss of a batch. `progress` is the share of training that is done."""
    inputs = loop.task_inputs(meta, batch.rows)
    if algorithm.outer == "reptile":
        return _reptile(loop, meta, batch, inputs)
    adapted = loop.adapt(meta, inputs[batch.support], batch.weights, noise=batch.noise)
    shares = step_weights(len(adapted.path) - 1, progress if algorithm.multi_step else 1.0)
    loss = adapted.penalty.mean()
    for fast, share in zip(adapted.path[1:] or adapted.path, shares, strict=True):
        if share > 0:
            scores = loop.scores(meta, fast, inputs[batch.query])
            loss = loss + share * query_loss(scores, batch.targets)
    hits = scores.detach().argmax(-1) == batch.targets
    return Outcome(loss, hits, int(adapted.diverged.sum()))


def step_weights(steps: int, progress: float) -> list[float]:
    """The weight of the loss after each inner step: at first all equal, later only the last.

    >>> step_weights(4, 0.0), step_weights(4, 0.25), step_weights(4, 1.0)
    ([0.25, 0.25, 0.25, 0.25], [0.125, 0.125, 0.125, 0.625], [0.0, 0.0, 0.0, 1.0])
    """
    steps = max(steps, 1)
    early = max(0.0, 1 - progress / _MULTI_STEP) / steps
    return [early] * (steps - 1) + [1 - early * (steps - 1)]


def query_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of scores [B, Q, N] for targets [Q]."""
    return F.cross_entropy(scores.flatten(0, 1), targets.repeat(len(scores)))


def _reptile(loop: InnerLoop, meta: Tensors, batch: Batch, inputs: Tensor) -> Outcome:
    """A loss with the gradient start - adapted (Nichol et al. 2018, section 4), on all examples."""
    queries = batch.query.view(*batch.support.shape[:2], -1)
    support = inputs[torch.cat([batch.support, queries], 2)]
    weights = torch.cat([batch.weights, torch.ones_like(queries).to(batch.weights)], 2)
    with torch.no_grad():
        adapted = loop.adapt(meta, support, weights)
        scores = loop.scores(meta, adapted.fast, inputs[batch.query])
    start = loop.adapt(meta, support, weights, steps=0).fast
    loss = torch.zeros((), device=batch.query.device)
    for name, tensor in start.items():
        if tensor.requires_grad:
            loss = loss + (tensor * (tensor - adapted.fast[name]).detach()).sum() / len(batch)
    hits = scores.argmax(-1) == batch.targets
    return Outcome(loss, hits, int(adapted.diverged.sum()))
