"""SimpleShot: the nearest class mean, after a simple transformation of the vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from torch import Tensor

from fsl_nlp.heads.base import Parameters, State
from fsl_nlp.heads.learned import LearnedHead
from fsl_nlp.heads.operations import class_means, means_and_excess, squared_distances, unit
from fsl_nlp.heads.options import option, require_choice

TRANSFORMATIONS = ("none", "l2", "centre")


@dataclass(frozen=True)
class SimpleShotHead(LearnedHead):
    """SimpleShot (Wang et al. 2019, arXiv 1911.04623): score_n(q) = -|g(q) - mean_k g(s_nk)|^2.

    v / K_n (`means_and_excess`) is taken off each distance, so that classes with different numbers
    of examples compete fairly; with equal numbers the probabilities are the paper's.

    g(x) = x ("none"), x / |x| ("l2") or (x - c) / |x - c| ("centre"), the paper's UN, L2N and CL2N.
    The centre c is the mean of the source vectors after `prepare`, as in the paper, else the mean
    of the class means of the support set.

    >>> import torch
    >>> support, query = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0.9, 0.1]]])
    >>> head = SimpleShotHead()
    >>> head.score(head.fit(support, torch.ones(1, 2, 1)), query).argmax(-1)
    tensor([[0]])
    """

    summary: ClassVar[str] = "The nearest class mean after centring and normalising."
    paper: ClassVar[str] = "Wang et al. 2019, arXiv 1911.04623"

    transformation: Literal["none", "l2", "centre"] = option(
        "centre", "of the vectors: none, unit length, or centred and then unit length"
    )

    def __post_init__(self) -> None:
        require_choice("transformation", self.transformation, TRANSFORMATIONS)

    @property
    def ready(self) -> bool:
        """Always True: without `prepare` the centre is the support set's."""
        return True

    def initial(self, dimensions: int, seed: int) -> Parameters:
        """Nothing: there is no training."""
        return {}

    def prepare(self, vectors: Tensor, classes: Tensor, **training: Any) -> SimpleShotHead:
        """Keep the centre of the source vectors; there is nothing to train."""
        return replace(self, parameters={"centre": vectors.mean(0)})

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """The centre, the class means of g(s) and their excess."""
        centre = class_means(support, weights).mean(1)[:, None]  # [B, 1, D]
        if self.parameters:
            centre = self.parameters["centre"].to(support).expand_as(centre)
        transformed = self._transform(support, centre[:, None])
        prototypes, excess = means_and_excess(transformed, weights)
        return {"centre": centre, "prototypes": prototypes, "excess": excess}

    def score(self, state: State, query: Tensor) -> Tensor:
        """v / K_n - |g(q) - mean_k g(s_nk)|^2."""
        transformed = self._transform(query, state["centre"])
        return state["excess"][:, None] - squared_distances(transformed, state["prototypes"])

    def _transform(self, vectors: Tensor, centre: Tensor) -> Tensor:
        if self.transformation == "centre":
            return unit(vectors - centre)
        return unit(vectors) if self.transformation == "l2" else vectors
