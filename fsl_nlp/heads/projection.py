"""Prototypes under a metric that is estimated from source classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from fsl_nlp.heads.base import Parameters, State
from fsl_nlp.heads.learned import LearnedHead
from fsl_nlp.heads.operations import class_means, unit
from fsl_nlp.heads.options import option, require_between
from fsl_nlp.heads.source_episodes import SourceEpisodes

_SCALE = 10.0  # of the cosines, so that little is left to calibrate


@dataclass(frozen=True)
class ProjectionHead(LearnedHead):
    """Class means by cosine, in a space where source classes vary equally in all directions.

    score_n(q) = 10 cos(g(q), c_n), c_n the mean of the class's g(s), with

        g(x) = unit(B (unit(x) - m)),    B = S^(-1/2),    S = (1 - shrinkage) P + shrinkage t I

    m is the mean of the source classes and P their pooled covariance, with equal weights for all
    classes, shrunk towards t I with t the mean variance. Directions in which classes vary count
    less. This is the metric of linear discriminant analysis, applied to new classes (Salakhutdinov
    & Hinton 2007 and Mensink et al. 2013 learn a metric by gradients). shrinkage=1 gives B = I.

    `prepare` has nothing to train, so it ignores way, shot and steps.

    >>> vectors, classes = torch.eye(4).repeat(10, 1), torch.arange(4).repeat(10)
    >>> ProjectionHead().prepare(vectors, classes).ready
    True
    """

    summary: ClassVar[str] = "Prototypes under a metric that source classes give."

    shrinkage: float = option(0.8, "how much the metric stays Euclidean, 0.01 to 1 (1: it does)")

    def __post_init__(self) -> None:
        require_between("shrinkage", self.shrinkage, 0.01, 1)

    def initial(self, dimensions: int, seed: int) -> Parameters:
        """m = 0 and B = I."""
        return {"mean": torch.zeros(dimensions), "whitening": torch.eye(dimensions)}

    def prepare(
        self, vectors: Tensor, classes: Tensor, *, seed: int = 0, **training: Any
    ) -> ProjectionHead:
        """This head with the metric of the source classes: vectors [n, D], classes [n]."""
        generator = torch.Generator().manual_seed(seed)
        source = SourceEpisodes.build(vectors, classes, 1, 1, generator)
        rows, index = source.vectors_of(torch.arange(len(source.sizes)))
        return replace(self, parameters=source_metric(rows, index, self.shrinkage))

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The unit means c_n of g(s)."""
        return {"prototypes": unit(class_means(self._map(support), weights))}

    def score(self, state: State, query: Tensor) -> Tensor:
        """10 cos(g(q), c_n)."""
        return _SCALE * (self._map(query) @ state["prototypes"].mT)

    def _map(self, vectors: Tensor) -> Tensor:
        p = self.learned(vectors)
        return whitened(vectors, p["mean"], p["whitening"])


def whitened(vectors: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    """unit(B (unit(x) - m))."""
    return unit((unit(vectors) - mean) @ whitening)


def source_metric(vectors: Tensor, index: Tensor, shrinkage: float) -> Parameters:
    """m and B of vectors [n, D] with classes `index` [n], from 0 up without a gap."""
    rows = unit(vectors).double()
    sizes = index.bincount()[:, None]
    means = torch.zeros(len(sizes), rows.shape[1]).to(rows).index_add(0, index, rows) / sizes
    within = (rows - means[index]) / sizes[index].sqrt()
    pooled = within.T @ within / len(sizes)
    level = pooled.diagonal().mean()
    values, axes = torch.linalg.eigh(pooled)
    values = (1 - shrinkage) * values + shrinkage * level
    whitening = (axes * (level / values).sqrt()) @ axes.T
    return {"mean": means.mean(0).to(vectors), "whitening": whitening.to(vectors)}
