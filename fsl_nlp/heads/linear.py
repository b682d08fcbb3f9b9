"""Logistic regression on unit vectors."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from fsl_nlp.blas import one_blas_thread
from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.class_weight import BALANCED, MEANING, check_class_weight
from fsl_nlp.heads.newton import fit_logistic
from fsl_nlp.heads.operations import class_of_example, unit
from fsl_nlp.heads.options import option, require_above

# From this many tasks on, small regressions are faster all at once than by scikit-learn in turn.
MANY_TASKS = 8
SMALL_TASK = 256  # examples
TASKS_AT_ONCE = 512  # keeps the tensors of a block in the processor's cache
# Scikit-learn's, for its mean loss. The default, 1e-4, leaves errors of 0.02 in the probabilities,
# this one 4e-4. Single precision does not reach it.
TOLERANCE = 3e-7
# The column that the bias multiplies, where the length of a (centred) row is 1.
CONSTANT = 0.3


@dataclass(frozen=True)
class LinearHead(Head):
    """Multinomial logistic regression with an L2 penalty.

    Minimises |W|^2 / 2 + C sum_i w_i (-log softmax(W s_i + b)[y_i]). Of two classes only the
    difference of the rows of W is penalised, |W_1 - W_0|^2 / 2, as scikit-learn does: C has the
    effect of C / 2 in the formula for more classes. With class_weight="balanced" the weights w_i
    are scaled so that those of every class have the same sum; any other class_weight is for the
    caller to put into the weights. C=30 was chosen on the validation files of BANKING77 and
    CLINC150.

    Scikit-learn fits a few tasks, or large ones on a CPU; many small tasks are fitted all at once,
    and parts of a task from the weights of the whole. The probabilities of both ways agree to 1e-3.

    >>> support, query = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0.9, 0.1]]])
    >>> head = LinearHead()
    >>> head.score(head.fit(support, torch.ones(1, 2, 1)), query).argmax(-1)
    tensor([[0]])
    """

    summary: ClassVar[str] = "Logistic regression; the default of `auto` for balanced classes."

    C: float = option(30.0, "inverse strength of the L2 penalty: larger fits the examples closer")
    class_weight: str | Mapping[Any, float] | None = option(BALANCED, MEANING)

    def __post_init__(self) -> None:
        require_above("C", self.C, 0, "larger fits closer")
        check_class_weight(self.class_weight)

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """W [B, N, D] and b [B, N]."""
        support = unit(support)
        B, N, K = weights.shape
        if B >= MANY_TASKS and (N * K <= SMALL_TASK or support.is_cuda):
            blocks = zip(
                torch.split(support, TASKS_AT_ONCE),
                torch.split(weights, TASKS_AT_ONCE),
                strict=True,
            )
            fitted = [self._fit_block(s, w) for s, w in blocks]
            join = torch.cat
        else:
            fitted = [self._fit_one(s, w) for s, w in zip(support, weights, strict=True)]
            join = torch.stack
        return {
            "weight": join([weight for weight, _ in fitted]).to(support),
            "bias": join([bias for _, bias in fitted]).to(support),
        }

    def refit(
        self, support: Tensor, weights: Tensor, state: State, classes: Sequence[int]
    ) -> State:
        """W [B, N, D] and b [B, N]; near the optimum Newton's method is faster than L-BFGS."""
        support, start = unit(support), state["weight"][:, list(classes)]
        fitted = [
            fit_logistic(*self._problem(s[None], w[None]), start)
            for s, w in zip(support, weights, strict=True)
        ]
        return {
            "weight": torch.cat([weight for weight, _ in fitted]),
            "bias": torch.cat([bias for _, bias in fitted]),
        }

    def _fit_block(self, support: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """support [B, N, K, D], weights [B, N, K] -> weight [B, N, D], bias [B, N]."""
        rows, targets, costs = self._problem(support, weights)
        if rows.shape[1] >= rows.shape[2]:
            return fit_logistic(rows, targets, costs)
        # Only dot products matter, so the M features of the rows of L, where L L' = S S', can
        # replace the D of S. Then W = V inv(L) S.
        gram = rows @ rows.mT
        gram.diagonal(dim1=-2, dim2=-1).add_(1e-6)
        factor = torch.linalg.cholesky(gram)  # [B, M, M]
        weight, bias = fit_logistic(factor, targets, costs)
        return torch.linalg.solve_triangular(factor, weight, upper=False, left=False) @ rows, bias

    def _fit_one(self, support: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """support [N, K, D], weights [N, K] -> weight [N, D], bias [N]."""
        from sklearn.linear_model import LogisticRegression

        classes, examples = torch.nonzero(weights > 0, as_tuple=True)
        costs = self._balance(weights[None])[0][classes, examples].double().cpu().numpy()
        rows = support[classes, examples].double().cpu().numpy()
        # In these variables L-BFGS takes a half to a fifth of the steps. With the mean as origin
        # the bias is almost independent of W. With rows scaled up, and W down, the bias has about
        # the curvature of W.
        origin = costs @ rows / costs.sum()
        rows -= origin
        scale = CONSTANT * np.sqrt(costs @ np.square(rows).sum(1) / costs.sum())
        scale = max(float(scale), 1e-6)  # 0 where all rows are equal
        model = LogisticRegression(C=self.C * scale**2, max_iter=300, tol=TOLERANCE)
        # Matrices this small are 3 to 30 times slower with several BLAS threads beside torch's.
        with warnings.catch_warnings(), one_blas_thread():
            # About 300 steps, which are enough for the predictions, and about as many classes as
            # examples, which few-shot tasks have.
            warnings.simplefilter("ignore", UserWarning)
            model.fit(rows / scale, classes.cpu().numpy(), sample_weight=costs)
        weight = model.coef_ / scale
        bias = model.intercept_ - weight @ origin
        if len(model.classes_) == 2:  # scikit-learn keeps the difference of two rows
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        # A class without examples is never predicted.
        full_weight = torch.zeros(support.shape[0], support.shape[2])
        full_bias = torch.full((support.shape[0],), -1e4)
        full_weight[model.classes_] = torch.from_numpy(weight).float()
        full_bias[model.classes_] = torch.from_numpy(bias).float()
        return full_weight, full_bias

    def _problem(self, support: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The features [B, N K, D], targets [N K, N] and costs [B, N K] of `fit_logistic`."""
        is_binary = (weights.sum(-1) > 0).sum(-1) == 2
        costs = self._balance(weights).flatten(1)
        costs = costs * torch.where(is_binary, self.C / 2, self.C).to(costs)[:, None]
        return support.flatten(1, 2), class_of_example(weights), costs

    def score(self, state: State, query: Tensor) -> Tensor:
        """W q + b."""
        return unit(query) @ state["weight"].mT + state["bias"].unsqueeze(-2)

    def _balance(self, weights: Tensor) -> Tensor:
        """Weights [B, N, K]; balanced, all classes have the same sum, and the total is kept."""
        if self.class_weight != BALANCED:
            return weights
        total = weights.sum(-1, keepdim=True)  # [B, N, 1]
        classes = (total > 0).sum(1, keepdim=True)
        return weights / total.clamp(min=1e-12) * total.sum(1, keepdim=True) / classes
