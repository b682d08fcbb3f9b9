"""Bodies: from rows of examples to the features that the head of a task takes.

A row is the output of the frozen part of the encoder for a text, computed once: a sentence vector,
or the token states below the layers that adapt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from fsl_nlp.heads.learned import random_matrix
from fsl_nlp.heads.operations import unit
from fsl_nlp.heads.options import LARGEST_RANK, option, require_between, require_count
from fsl_nlp.heads.projection import source_metric, whitened
from fsl_nlp.meta.task_heads import Tensors


class Body(ABC):
    """The part of a model between the frozen encoder and the head of a task."""

    @abstractmethod
    def initial(self, row: int, seed: int) -> Tensors:
        """The tensors that may be learned, before training, for rows of length `row`."""

    @abstractmethod
    def source_statistics(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        """Tensors that are computed from the source and not trained: rows [n, R], classes [n]."""

    def updated_statistics(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        """The statistics after training; {} if they stay the same."""
        return {}

    def recentre(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """Rows of one corpus with its centre computed again, for what was learned."""
        return rows

    def preprocess(self, statistics: Tensors, rows: Tensor) -> Tensor:
        """Rows [n, R] as `features` takes them, after the part that does not train."""
        return rows

    @abstractmethod
    def features(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """The features [n, D] of rows [n, R], of unit length."""

    @abstractmethod
    def dimensions(self, row: int) -> int:
        """The length D of features, for rows of length `row`."""

    def trim(self, rows: Tensor) -> Tensor:
        """Rows [..., R] without padding that all of them share."""
        return rows

    def activation_size(self, row: int) -> int:
        """Roughly how many numbers are stored for a row when gradients are computed."""
        return 4 * row

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The settings, for results and messages."""


def source_whitening(vectors: Tensor, classes: Tensor, shrinkage: float) -> Tensors:
    """The mean [D] and the whitening [D, D] of source classes."""
    if shrinkage == 1:
        size = vectors.shape[1]
        return {"mean": vectors.new_zeros(size), "whitening": torch.eye(size).to(vectors)}
    return source_metric(vectors, classes, shrinkage)


class VectorBody(Body):
    """A body whose rows are sentence vectors."""


@dataclass(frozen=True)
class MetricBody(VectorBody):
    """A learned metric: unit((I + V U') (x - c)) for whitened vectors x.

    The whitening is that of `ProjectionHead`, by the variance within source classes; shrinkage=1
    turns it off. c [D] and U and V [D, rank] are learned, from c = 0 and V = 0.
    """

    rank: int = 64
    shrinkage: float = 0.8

    def __post_init__(self) -> None:
        require_count("rank", self.rank, most=LARGEST_RANK)
        require_between("shrinkage", self.shrinkage, 0.01, 1)

    def initial(self, row: int, seed: int) -> Tensors:
        """The identity: c and V are 0, U is random."""
        generator = torch.Generator().manual_seed(seed)
        return {
            "centre": torch.zeros(row),
            "down": random_matrix(self.rank, row, generator).mT.contiguous(),
            "up": torch.zeros(row, self.rank),
        }

    def source_statistics(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        """The mean and the whitening of the rows."""
        return source_whitening(rows, classes, self.shrinkage)

    def preprocess(self, statistics: Tensors, rows: Tensor) -> Tensor:
        """Whitened rows."""
        return whitened(rows, statistics["mean"], statistics["whitening"])

    def features(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """Moved and projected rows."""
        moved = rows - tensors["centre"]
        return unit(moved + moved @ tensors["down"] @ tensors["up"].mT)

    def dimensions(self, row: int) -> int:
        """The length of the rows."""
        return row

    def options(self) -> dict[str, Any]:
        """`rank` and `shrinkage`."""
        return asdict(self)


@dataclass(frozen=True)
class ScaleShiftBody(MetricBody):
    """A scale and a shift of each dimension of whitened vectors, as in MTL (Sun et al. 2019, arXiv
    1812.02403, section 3.2)."""

    def initial(self, row: int, seed: int) -> Tensors:
        """The identity."""
        return {"scale": torch.ones(row), "shift": torch.zeros(row)}

    def features(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """Scaled and shifted rows."""
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
            require_count("rank", self.rank, most=LARGEST_RANK)
        require_count("layers", self.layers)
        require_count("tokens", self.tokens, 8)


def vector_body(name: str, settings: BodySettings) -> Body:
    """The body for sentence vectors with this name: "metric" or "scale-shift".

    >>> vector_body("metric", BodySettings(rank=8))
    MetricBody(rank=8, shrinkage=0.8)
    """
    kind = {"metric": MetricBody, "scale-shift": ScaleShiftBody}[name]
    return kind(settings.rank or MetricBody.rank, settings.shrinkage)
