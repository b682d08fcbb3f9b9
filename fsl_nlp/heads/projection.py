"""Prototypes under a metric that source classes give."""

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

# Divides the cosines; what is left to calibrate is little.
_SCALE = 10.0


@dataclass(frozen=True)
class ProjectionHead(LearnedHead):
    """Class means by cosine, in a space in which source classes are round.

    score_n(q) = 10 cos(g(q), c_n), c_n the mean of the class's g(s), with

        g(x) = unit(B (unit(x) - m)),    B = S^(-1/2),    S = (1 - shrinkage) P + shrinkage t I

    m is the mean of the source classes, P their pooled covariance, each class counting alike,
    shrunk towards a multiple of I (t is its mean variance): directions in which a class varies
    count less. It is the metric of linear discriminant analysis, taken to other classes
    (Salakhutdinov & Hinton 2007 and Mensink et al. 2013 learn one by gradients instead; of few
    source classes that learned less, see docs/episodes.md). shrinkage=1 leaves B = I.

    `prepare` has nothing to train, so it takes no notice of way, shot and steps.
    """

    summary: ClassVar[str] = "Prototypes under a metric that source classes give."

    shrinkage: float = option(0.8, "how much the metric stays Euclidean, 0.01 to 1 (1: it does)")

    def __post_init__(self) -> None:
        require_between("shrinkage", self.shrinkage, 0.01, 1)

    def initial(self, dimensions: int, seed: int) -> Parameters:
        return {"mean": torch.zeros(dimensions), "whitening": torch.eye(dimensions)}

    def prepare(
        self, vectors: Tensor, classes: Tensor, *, seed: int = 0, **others: Any
    ) -> ProjectionHead:
        """This head with the metric of source classes: vectors [n, D], classes [n]."""
        generator = torch.Generator().manual_seed(seed)
        source = SourceEpisodes.build(vectors, classes, 1, 1, generator)
        rows, index = source.vectors_of(torch.arange(len(source.sizes)))
        return replace(self, parameters=source_metric(rows, index, self.shrinkage))

    def fit(self, support: Tensor, weights: Tensor) -> State:
        return {"prototypes": unit(class_means(self._map(support), weights))}

    def score(self, state: State, query: Tensor) -> Tensor:
        return _SCALE * (self._map(query) @ state["prototypes"].mT)

    def _map(self, vectors: Tensor) -> Tensor:
        p = self.learned(vectors)
        return whitened(vectors, p["mean"], p["whitening"])


def whitened(vectors: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    """unit(B (unit(x) - m))."""
    return unit((unit(vectors) - mean) @ whitening)


def source_metric(vectors: Tensor, index: Tensor, shrinkage: float) -> Parameters:
    """m and B of vectors [n, D], whose classes are 0 and up, each with an example: index [n]."""
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
