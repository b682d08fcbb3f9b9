"""Logistic regression on unit vectors."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.base import Head, State


@dataclass(frozen=True)
class LinearHead(Head):
    """Multinomial logistic regression with an L2 penalty, fitted by scikit-learn.

    Minimises |W|^2 / 2 + C sum_i w_i (-log softmax(W s_i + b)[y_i]). Classes count alike,
    however many examples they have. C=30 was chosen on the validation files of BANKING77 and
    CLINC150.
    """

    C: float = 30.0

    def __post_init__(self) -> None:
        if not self.C > 0:
            raise OptionError(f"C={self.C!r}: must be greater than 0 (larger fits closer).")

    def fit(self, support: Tensor, weights: Tensor) -> State:
        support = F.normalize(support, dim=-1)
        fitted = [self._fit_one(s, w) for s, w in zip(support, weights, strict=True)]
        return {
            "weight": torch.stack([weight for weight, _ in fitted]).to(support),
            "bias": torch.stack([bias for _, bias in fitted]).to(support),
        }

    def _fit_one(self, support: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """support [N, K, D], weights [N, K] -> weight [N, D], bias [N]."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        classes, examples = torch.nonzero(weights > 0, as_tuple=True)
        total = weights.sum(1)
        balanced = weights / total.clamp(min=1e-12)[:, None] * total.sum() / (total > 0).sum()
        model = LogisticRegression(C=self.C, max_iter=300)
        # Matrices this small are 3 to 30 times slower with several BLAS threads beside torch's.
        with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
            # 300 steps leave nothing that would change a prediction.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(
                support[classes, examples].cpu().numpy(),
                classes.cpu().numpy(),
                sample_weight=balanced[classes, examples].cpu().numpy(),
            )
        weight, bias = model.coef_, model.intercept_
        if len(model.classes_) == 2:  # scikit-learn keeps one row; two rows of half give the same
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        # A class without an example is never chosen.
        full_weight = torch.zeros(support.shape[0], support.shape[2])
        full_bias = torch.full((support.shape[0],), -1e4)
        full_weight[model.classes_] = torch.from_numpy(weight).float()
        full_bias[model.classes_] = torch.from_numpy(bias).float()
        return full_weight, full_bias

    def score(self, state: State, query: Tensor) -> Tensor:
        return F.normalize(query, dim=-1) @ state["weight"].mT + state["bias"].unsqueeze(-2)
