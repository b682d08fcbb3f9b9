"""From the rows of examples to the features that a task's head reads.

A row is what the frozen part of the encoder gives, once a text: a sentence vector, or the token
states below the layers that adapt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from fsl_nlp.heads.learned import random_matrix
from fsl_nlp.heads.operations import unit
from fsl_nlp.heads.options import option, require_between, require_count
from fsl_nlp.heads.projection import source_metric, whitened
from fsl_nlp.meta.task_heads import Tensors


class Body(ABC):
    @abstractmethod
    def initial(self, row: int, seed: int) -> Tensors:
        """The tensors that may be learned, for rows of this length."""

    @abstractmethod
    def fixed(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        """What is read off the source and never trained: rows [n, R], classes [n]."""

    def fixed_again(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        """The same after training; {} where it stays."""
        return {}

    def follow(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """Rows of one corpus, with what they say of all of it put right for what was learned."""
        return rows

    def ground(self, fixed: Tensors, rows: Tensor) -> Tensor:
        """What never changes, done once a text: rows [n, R] as `features` takes them."""
        return rows

    @abstractmethod
    def features(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """rows [n, R] -> [n, D], of unit length."""

    @abstractmethod
    def dimensions(self, row: int) -> int:
        """D, for rows of this length."""

    def trim(self, rows: Tensor) -> Tensor:
        """Rows [..., R] without the padding that none of them needs."""
        return rows

    def work(self, row: int) -> int:
        """About how many numbers one row's features take while gradients flow."""
        return 4 * row

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The settings, for results and for people."""


def metric(vectors: Tensor, classes: Tensor, shrinkage: float) -> Tensors:
    """The mean and the whitening [D, D] of source classes, to begin with."""
    if shrinkage == 1:
        size = vectors.shape[1]
        return {"mean": vectors.new_zeros(size), "whitening": torch.eye(size).to(vectors)}
    return source_metric(vectors, classes, shrinkage)


class VectorBody(Body):
    """Its rows are sentence vectors."""


@dataclass(frozen=True)
class MetricBody(VectorBody):
    """unit((I + V U') (x - c)) of vectors x that are whitened as `ProjectionHead` does it, by the
    variance within source classes; shrinkage=1 leaves them as they are. c [D] and U and V
    [D, rank] are learned, from c = 0 and V = 0.
    """

    rank: int = 64
    shrinkage: float = 0.8

    def __post_init__(self) -> None:
        require_count("rank", self.rank)
        require_between("shrinkage", self.shrinkage, 0.01, 1)

    def initial(self, row: int, seed: int) -> Tensors:
        generator = torch.Generator().manual_seed(seed)
        return {
            "centre": torch.zeros(row),
            "down": random_matrix(self.rank, row, generator).mT.contiguous(),
            "up": torch.zeros(row, self.rank),
        }

    def fixed(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        return metric(rows, classes, self.shrinkage)

    def ground(self, fixed: Tensors, rows: Tensor) -> Tensor:
        return whitened(rows, fixed["mean"], fixed["whitening"])

    def features(self, tensors: Tensors, rows: Tensor) -> Tensor:
        moved = rows - tensors["centre"]
        return unit(moved + moved @ tensors["down"] @ tensors["up"].mT)

    def dimensions(self, row: int) -> int:
        return row

    def options(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class ScaleShiftBody(MetricBody):
    """MTL's choice: the whitened vectors are fixed but for a scale and a shift of each dimension
    (Sun et al. 2019, arXiv 1812.02403, section 3.2)."""

    def initial(self, row: int, seed: int) -> Tensors:
        return {"scale": torch.ones(row), "shift": torch.zeros(row)}

    def features(self, tensors: Tensors, rows: Tensor) -> Tensor:
        return unit(rows * tensors["scale"] + tensors["shift"])


@dataclass(frozen=True)
class BodySettings:
    """Options of what lies below the head. A text runs through the lower layers once."""

    rank: int | None = option(None, "rank of the metric's or LoRA's change; None is its default")
    shrinkage: float = option(0.8, "how much the metric stays Euclidean, 0.01 to 1 (1: it does)")
    layers: int = option(2, "top layers of the encoder that adapt, with body=lora and the like")
    tokens: int = option(48, "tokens of a text that these layers read")

    def __post_init__(self) -> None:
        if self.rank is not None:
            require_count("rank", self.rank)
        require_count("layers", self.layers)
        require_count("tokens", self.tokens, 8)


def vector_body(name: str, settings: BodySettings) -> Body:
    """A body that reads sentence vectors."""
    kind = {"metric": MetricBody, "scale-shift": ScaleShiftBody}[name]
    return kind(settings.rank or MetricBody.rank, settings.shrinkage)
