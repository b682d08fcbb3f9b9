"""Ridge regression to one-hot targets, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_of_example, unit
from fsl_nlp.heads.options import option, require_above


@dataclass(frozen=True)
class RidgeHead(Head):
    """R2-D2 (Bertinetto et al. 2019, arXiv 1805.08136); Bao et al. 2020 (arXiv 1908.06039).

    W = argmin sum_i w_i |s_i W - y_i|^2 + regularisation |W|^2 on unit vectors with one-hot y, and
    score(q) = scale q W. With X the rows sqrt(w_i) s_i, W = X' inv(X X' + regularisation I) Y
    (equation 6), a system of N * K rows; or of D, where that is less. The papers learn
    regularisation and scale with the encoder; here they are options.

    >>> support, query = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0.9, 0.1]]])
    >>> head = RidgeHead()
    >>> head.score(head.fit(support, torch.ones(1, 2, 1)), query).argmax(-1)
    tensor([[0]])
    """

    summary: ClassVar[str] = "Ridge regression to the classes, in closed form."
    paper: ClassVar[str] = "Bertinetto et al. 2019, arXiv 1805.08136"

    regularisation: float = option(1.0, "strength of the L2 penalty")
    scale: float = option(10.0, "factor on the scores")

    def __post_init__(self) -> None:
        require_above("regularisation", self.regularisation, 0)
        require_above("scale", self.scale, 0)

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """W, in closed form."""
        root = weights.flatten(1).sqrt().unsqueeze(-1)  # [B, M, 1], M = N * K
        rows = root * unit(support).flatten(1, 2)  # [B, M, D]
        targets = root * class_of_example(weights)  # [B, M, N]
        if rows.shape[1] <= rows.shape[2]:
            weight = rows.mT @ self._solve(rows @ rows.mT, targets)
        else:
            weight = self._solve(rows.mT @ rows, rows.mT @ targets)
        return {"weight": weight}  # [B, D, N]

    def _solve(self, matrix: Tensor, right: Tensor) -> Tensor:
        matrix.diagonal(dim1=-2, dim2=-1).add_(self.regularisation)
        return torch.cholesky_solve(right, torch.linalg.cholesky(matrix))

    def score(self, state: State, query: Tensor) -> Tensor:
        """scale q W."""
        return self.scale * unit(query) @ state["weight"]
