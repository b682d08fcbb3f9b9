"""Heads with parameters, trained on episodes of source classes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.heads.base import Parameters, PreparedHead
from fsl_nlp.heads.options import require_above, require_count
from fsl_nlp.heads.source_episodes import SourceEpisodes

Self = TypeVar("Self", bound="LearnedHead")

HELD_OUT_TASKS = 200
CHECKS = 10  # of the accuracy on them, during training


@dataclass(frozen=True)
class LearnedHead(PreparedHead):
    """A head that is trained by `prepare`, or gets `replace(head, parameters=...)`."""

    # Defaults of `prepare`.
    steps: ClassVar[int] = 300
    learning_rate: ClassVar[float] = 1e-3

    @property
    def not_prepared(self) -> str:
        """Names `prepare` and what it takes."""
        return (
            f"{type(self).__name__} has not been trained. Call prepare(vectors, classes) on "
            "source classes first: other classes than those that it will predict."
        )

    @abstractmethod
    def initial(self, dimensions: int, seed: int) -> Parameters:
        """The parameters before training, for vectors [n, dimensions]."""

    def prepare(
        self: Self,
        vectors: Tensor,
        classes: Tensor,
        *,
        way: int = 5,
        shot: int = 5,
        query: int = 5,
        steps: int | None = None,
        tasks_per_step: int = 16,
        learning_rate: float | None = None,
        seed: int = 0,
    ) -> Self:
        """This head, trained on episodes of source classes: vectors [n, D], classes [n].

        Adam minimises the cross-entropy of the queries' scores. A fifth of the classes is held out.
        The parameters with the best accuracy on their queries are kept: the initial ones, if
        training never helped.
        """
        steps = self.steps if steps is None else steps
        rate = self.learning_rate if learning_rate is None else learning_rate
        for name, value in {"shot": shot, "query": query, "tasks_per_step": tasks_per_step}.items():
            require_count(name, value)
        require_count("way", way, least=2)
        require_count("steps", steps)
        require_above("learning_rate", rate, 0)

        generator = torch.Generator().manual_seed(seed)
        episodes = SourceEpisodes.build(vectors, classes, shot, query, generator)
        learning, held_out = episodes.split_classes(way)
        held_out_tasks = episodes.sample(held_out, way, HELD_OUT_TASKS)
        start = self.initial(vectors.shape[-1], seed)
        if not start:
            return self
        best = _copy(start, vectors)
        best_accuracy = _accuracy(replace(self, parameters=best), *held_out_tasks)
        parameters = {k: v.requires_grad_() for k, v in _copy(start, vectors).items()}
        head = replace(self, parameters=parameters)
        optimiser = torch.optim.Adam(parameters.values(), lr=rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for step in range(1, steps + 1):
            support, queries, target = episodes.sample(learning, way, tasks_per_step)
            optimiser.zero_grad()
            scores = head.score(head.fit(support, _equal_weights(support)), queries)
            loss = F.cross_entropy(scores.flatten(0, 1), target.repeat(tasks_per_step))
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            if step % max(steps // CHECKS, 1) == 0:
                accuracy = _accuracy(head, *held_out_tasks)
                if accuracy > best_accuracy:
                    best, best_accuracy = _copy(parameters, vectors), accuracy
        return replace(self, parameters=best)


def random_matrix(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Normal entries, scaled so that a product with them keeps about the length of a vector."""
    return torch.randn(rows, columns, generator=generator) / columns**0.5


def _copy(parameters: Parameters, like: Tensor) -> Parameters:
    """Copies on the device and in the precision of `like` that share no memory."""
    return {k: v.detach().to(like, copy=True) for k, v in parameters.items()}


def _equal_weights(support: Tensor) -> Tensor:
    return support.new_ones(support.shape[:-1])


@torch.no_grad()
def _accuracy(head: LearnedHead, support: Tensor, query: Tensor, target: Tensor) -> float:
    scores = head.score(head.fit(support, _equal_weights(support)), query)
    return (scores.argmax(-1) == target).float().mean().item()
