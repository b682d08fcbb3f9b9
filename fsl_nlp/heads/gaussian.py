"""Gaussian classes with shrunk covariances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_means, squared_distances, unit
from fsl_nlp.heads.options import option, require_between, require_choice

COVARIANCES = ("shared", "class", "diagonal")


@dataclass(frozen=True)
class GaussianHead(Head):
    """score_n(q) = log Normal(q; m_n, S_n) on unit vectors, without terms equal for all classes.

    m_n is the class mean. With P the pooled covariance about the class means (divided by the
    number of examples), C_n that of class n, and t the variance a dimension about the mean of all:

    - "shared": S = (1 - shrinkage) P + shrinkage t I, the discriminant analysis of Friedman 1989;
    - "diagonal": the same with the diagonal of P;
    - "class": S_n = (1 - shrinkage) (l_n C_n + (1 - l_n) P) + shrinkage t I with
      l_n = K_n / (K_n + 1), as in Simple CNAPS (Bateni et al. 2020, arXiv 1912.03432).

    With one example a class, P is 0 and the nearest mean wins. No D x D matrix is made where
    N * K < D: with X the N * K centred examples, inv(t I + X' X) =
    (I - X' inv(t I + X X') X) / t. "class" keeps N matrices of (N * K)^2.

    >>> support, query = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0.9, 0.1]]])
    >>> head = GaussianHead()
    >>> head.score(head.fit(support, torch.ones(1, 2, 1)), query).argmax(-1)
    tensor([[0]])
    """

    summary: ClassVar[str] = "A Gaussian for each class, with shrunk covariance."
    paper: ClassVar[str] = "Friedman 1989; Bateni et al. 2020, arXiv 1912.03432"

    covariance: Literal["shared", "class", "diagonal"] = option(
        "shared", "one matrix for all classes, one for each, or variances alone"
    )
    shrinkage: float = option(0.8, "weight of the identity in the covariance, 0.01 to 1")

    def __post_init__(self) -> None:
        require_choice("covariance", self.covariance, COVARIANCES)
        require_between("shrinkage", self.shrinkage, 0.01, 1)

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """Means and covariances; of a common covariance only the linear rule inv(S) m_n."""
        support = unit(support)
        means = class_means(support, weights)  # [B, N, D]
        count = weights.sum((1, 2))[:, None, None]  # [B, 1, 1]
        shares = (weights.flatten(1) / count[..., 0])[:, None]  # [B, 1, M], M = N * K
        rows = support.flatten(1, 2)
        total = (shares @ (rows - shares @ rows).square()).mean(-1, keepdim=True)
        ridge = self.shrinkage * total.clamp(min=1e-6 / rows.shape[-1])  # t, [B, 1, 1]
        centred = (support - means[:, :, None]).flatten(1, 2)
        pooled = (1 - self.shrinkage) * shares  # [B, 1, M]
        if self.covariance == "class":
            return self._fit_classes(centred, means, weights, pooled, ridge)
        if self.covariance == "diagonal":
            weight = means / (pooled @ centred.square() + ridge)
        else:
            weight = _multiply_by_inverse(means, pooled.mT.sqrt() * centred, ridge)
        # The part of the exponent (q - m)' inv(S) (q - m) / 2 that differs between classes.
        return {"weight": weight, "bias": -(weight * means).sum(-1) / 2}

    def _fit_classes(
        self, centred: Tensor, means: Tensor, weights: Tensor, pooled: Tensor, ridge: Tensor
    ) -> State:
        B, N, K = weights.shape
        size = weights.sum(-1, keepdim=True)  # [B, N, 1]
        class_share = size / (size + 1)  # l_n
        example_shares = (
            torch.eye(N).to(weights)[:, :, None] * (weights / size)[:, None]
        )  # [B, N, N, K]
        shares = class_share * (1 - self.shrinkage) * example_shares.view(B, N, N * K)
        root = (shares + (1 - class_share) * pooled).sqrt()  # [B, N, M]
        inner = root[..., None] * (centred @ centred.mT)[:, None] * root[..., None, :]
        inner = inner + ridge[..., None] * torch.eye(N * K).to(inner)
        factor = torch.linalg.cholesky(inner)  # [B, N, M, M]
        diagonal = factor.diagonal(dim1=-2, dim2=-1)
        return {
            "centred": centred,
            "means": means,
            "root": root,
            "factor": factor,
            "floor": ridge,
            # log det(S_n / t) = log det(I + X X' / t)
            "log_determinant": 2 * (diagonal.log() - ridge.log() / 2).sum(-1),
        }

    def score(self, state: State, query: Tensor) -> Tensor:
        """The log density of each class."""
        query = unit(query)
        if self.covariance != "class":
            return query @ state["weight"].mT + state["bias"][:, None]
        centred, means = state["centred"], state["means"]
        products = (query @ centred.mT)[:, None] - (means @ centred.mT)[:, :, None]
        projected = (state["root"][:, :, None] * products).mT  # X (q - m_n), [B, N, M, Q]
        explained = torch.linalg.solve_triangular(state["factor"], projected, upper=False)
        explained = explained.square().sum(-2).mT  # [B, Q, N]
        distances = squared_distances(query, means)
        log_determinant = state["log_determinant"][:, None]
        return -((distances - explained) / state["floor"] + log_determinant) / 2


def _multiply_by_inverse(vectors: Tensor, rows: Tensor, ridge: Tensor) -> Tensor:
    """vectors [B, N, D] times inv(ridge I + rows' rows), with rows [B, M, D]."""
    if rows.shape[1] > rows.shape[2]:
        rows = torch.linalg.qr(rows, mode="r").R  # fewer rows, the same rows' rows
    inner = rows @ rows.mT
    inner = inner + ridge * torch.eye(inner.shape[-1]).to(inner)
    solved = torch.cholesky_solve(rows @ vectors.mT, torch.linalg.cholesky(inner))  # [B, M, N]
    return (vectors - solved.mT @ rows) / ridge
