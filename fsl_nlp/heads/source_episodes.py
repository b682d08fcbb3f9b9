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

    `members` [C, width] holds the places of each class's vectors, `sizes` [C] how many there are.
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
        """vectors [n, D], classes [n]."""
        if vectors.dim() != 2 or classes.shape != vectors.shape[:1]:
            raise DataError(
                f"vectors {tuple(vectors.shape)} and classes {tuple(classes.shape)} do not fit: "
                "give vectors [n, D] and classes [n]."
            )
        names, index, sizes = torch.unique(classes.cpu(), return_inverse=True, return_counts=True)
        if len(names) < LEAST_CLASSES:
            raise DataError(
                f"Training needs at least {LEAST_CLASSES} source classes, there are {len(names)}."
            )
        if sizes.min() < shot + query:
            raise DataError(
                f"Source class {names[sizes.argmin()]} has {sizes.min()} vectors; shot={shot} and "
                f"query={query} need {shot + query}. Leave it out, or ask for fewer."
            )
        order = index.argsort(stable=True)
        places = torch.arange(int(sizes.max())).expand(len(names), -1)
        starts = (sizes.cumsum(0) - sizes)[:, None]
        members = order[(starts + places).clamp(max=len(order) - 1)]
        return cls(vectors, members, sizes, shot, query, generator)

    def split_classes(self, way: int) -> tuple[Tensor, Tensor]:
        """The classes to learn from; and a fifth of them to choose by, enough for a whole task.

        Of few classes no more than a third, at least 2, is held out.
        """
        shuffled = torch.randperm(len(self.sizes), generator=self.generator)
        count = len(shuffled)
        held_out = max(2, min(way, count // 3), round(HELD_OUT * count))
        return shuffled[held_out:], shuffled[:held_out]

    def vectors_of(self, classes: Tensor) -> tuple[Tensor, Tensor]:
        """All vectors [n, D] of these classes, and the place [n] of each one's class among them."""
        inside = torch.arange(self.members.shape[1]) < self.sizes[classes][:, None]
        places = self.members[classes][inside].to(self.vectors.device)
        index = inside.nonzero()[:, 0].to(self.vectors.device)
        return self.vectors[places], index

    def sample(self, classes: Tensor, way: int, tasks: int) -> tuple[Tensor, Tensor, Tensor]:
        """support [tasks, way, shot, D], query [tasks, way * query, D], target [way * query]."""
        _, places = self.draw(classes, way, tasks)
        vectors = self.vectors[places.to(self.vectors.device)]
        target = torch.arange(places.shape[1], device=vectors.device).repeat_interleave(self.query)
        return vectors[:, :, : self.shot], vectors[:, :, self.shot :].flatten(1, 2), target

    def draw(
        self, classes: Tensor, way: int, tasks: int, odds: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Classes [tasks, way], and places [tasks, way, shot + query] of their vectors.

        `odds` [len(classes)]: how much likelier a class is to come first than another.
        """
        way = min(way, len(classes))
        lots = torch.rand(tasks, len(classes), generator=self.generator)
        if odds is not None:
            # Exponential waiting times: the shortest come in the order of a weighted draw.
            lots = -(1 - lots).log() / odds
        chosen = classes[lots.argsort(1)[:, :way]]  # [tasks, way]
        width = self.members.shape[1]
        lots = torch.rand(tasks, way, width, generator=self.generator)
        lots = lots.masked_fill(torch.arange(width) >= self.sizes[chosen][..., None], -1)
        drawn = lots.topk(self.shot + self.query, dim=-1).indices
        return chosen, self.members[chosen[..., None], drawn]
