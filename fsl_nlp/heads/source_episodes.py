"""Episodes for training a head: index tensors over the vectors of the source classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fsl_nlp.errors import DataError

HELD_OUT = 0.2
LEAST_CLASSES = 4


@dataclass(frozen=True)
class SourceEpisodes:
    """Samples tasks of `shot` examples and `query` queries a class.

    `members` [C, width] has the rows of each class's vectors, `sizes` [C] their number.
    """

    vectors: Tensor
    members: Tensor
    sizes: Tensor
    shot: int
    query: int
    generator: torch.Generator

    @classmethod
    def build(
        cls, vectors: Tensor, classes: Tensor, shot: int, query: int, generator: torch.Generator
    ) -> SourceEpisodes:
        """Group vectors [n, D] by their classes [n]; at least 4 classes are needed."""
        if vectors.dim() != 2 or classes.shape != vectors.shape[:1]:
            raise DataError(
                f"vectors {tuple(vectors.shape)} and classes {tuple(classes.shape)} do not fit: "
                "give vectors [n, D] and classes [n]."
            )
        names, index, sizes = torch.unique(classes.cpu(), return_inverse=True, return_counts=True)
        if len(names) < LEAST_CLASSES:
            raise DataError(
                f"Training needs at least {LEAST_CLASSES} source classes, but there are "
                f"{len(names)}."
            )
        if sizes.min() < shot + query:
            raise DataError(
                f"Source class {names[sizes.argmin()]} has {sizes.min()} vectors; shot={shot} and "
                f"query={query} need {shot + query}. Leave this class out, or lower shot or query."
            )
        order = index.argsort(stable=True)
        ranks = torch.arange(int(sizes.max())).expand(len(names), -1)
        starts = (sizes.cumsum(0) - sizes)[:, None]
        members = order[(starts + ranks).clamp(max=len(order) - 1)]
        return cls(vectors, members, sizes, shot, query, generator)

    def split_classes(self, way: int) -> tuple[Tensor, Tensor]:
        """Shuffled classes to learn from, and held-out classes to choose the parameters by.

        A fifth is held out, or more to fill one task; but at most a third, and at least 2.
        """
        shuffled = torch.randperm(len(self.sizes), generator=self.generator)
        count = len(shuffled)
        held_out = max(2, min(way, count // 3), round(HELD_OUT * count))
        return shuffled[held_out:], shuffled[:held_out]

    def vectors_of(self, classes: Tensor) -> tuple[Tensor, Tensor]:
        """All vectors [n, D] of these classes, and the index [n] of the class of each."""
        is_member = torch.arange(self.members.shape[1]) < self.sizes[classes][:, None]
        rows = self.members[classes][is_member].to(self.vectors.device)
        index = is_member.nonzero()[:, 0].to(self.vectors.device)
        return self.vectors[rows], index

    def sample(self, classes: Tensor, way: int, tasks: int) -> tuple[Tensor, Tensor, Tensor]:
        """Random tasks.

        Gives support [tasks, way, shot, D], query [tasks, way * query, D], target [way * query].
        """
        _, rows = self.draw(classes, way, tasks)
        vectors = self.vectors[rows.to(self.vectors.device)]
        target = torch.arange(rows.shape[1], device=vectors.device).repeat_interleave(self.query)
        return vectors[:, :, : self.shot], vectors[:, :, self.shot :].flatten(1, 2), target

    def draw(
        self, classes: Tensor, way: int, tasks: int, odds: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Classes [tasks, way], and the rows [tasks, way, shot + query] of their vectors.

        `odds` [len(classes)] are the relative odds of a class to be drawn first.
        """
        way = min(way, len(classes))
        keys = torch.rand(tasks, len(classes), generator=self.generator)
        if odds is not None:
            # Exponential waiting times, sorted, have the order of a weighted draw.
            keys = -(1 - keys).log() / odds
        chosen = classes[keys.argsort(1)[:, :way]]  # [tasks, way]
        width = self.members.shape[1]
        keys = torch.rand(tasks, way, width, generator=self.generator)
        keys = keys.masked_fill(torch.arange(width) >= self.sizes[chosen][..., None], -1)
        drawn = keys.topk(self.shot + self.query, dim=-1).indices
        return chosen, self.members[chosen[..., None], drawn]
