"""Logistic regression of many tasks at once."""

from __future__ import annotations

import torch
from torch import Tensor

NEWTON_STEPS = 30
CONJUGATE_STEPS = 50
HALVINGS = 8
# Relative to the length of the first gradient; the probabilities are within 1e-4.
TOLERANCE = 3e-5
# The column that the bias multiplies. Any constant gives the same optimum, because the bias is not
# penalised. With this one its curvature is about that of the other columns, which needs a third of
# the iterations.
CONSTANT = 0.3
# The same number added to all biases changes nothing; without a penalty rounding would choose it.
BIAS_PENALTY = 1e-4


def fit_logistic(
    features: Tensor, targets: Tensor, costs: Tensor, start: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Minimise |W|^2 / 2 + sum_i costs_i (-log softmax(W x_i + b)[y_i]), for B tasks at once.

    features [B, M, R], targets [M, N] one-hot, costs [B, M], 0 for padding. Gives W [B, N, R] and
    b [B, N]. Newton's method; each step is solved by conjugate gradients, and halved where the
    objective would grow. The loops end when the slowest task has converged. `start` is a W, of
    nearly the same examples, to begin with; it changes the time and not the result.
    """
    # With the mean as origin only the bias changes, and is almost independent of W.
    origin = (costs / costs.sum(1, keepdim=True))[:, None] @ features  # [B, 1, R]
    constant = torch.full_like(features[..., :1], CONSTANT)
    rows = torch.cat([features - origin, constant], -1)  # [B, M, R + 1]
    penalty = torch.ones_like(rows[0, 0])
    penalty[-1] = BIAS_PENALTY
    # A class without examples is never predicted.
    class_offset = (costs @ targets == 0).to(rows) * -1e4  # [B, N]

    weight = rows.new_zeros(*class_offset.shape, rows.shape[-1])
    scores = class_offset[:, None].expand(*costs.shape, -1)  # [B, M, N]
    costs = costs[..., None]
    first_size = ((costs * (targets - scores.softmax(-1))).mT @ rows).square().sum((1, 2))
    if start is not None:
        weight[..., :-1] = start
        scores = scores + rows @ weight.mT
    for _ in range(NEWTON_STEPS):
        probabilities = scores.softmax(-1)
        descent = (costs * (targets - probabilities)).mT @ rows - penalty * weight
        size = descent.square().sum((1, 2))
        active = size > TOLERANCE**2 * first_size
        if not active.any():
            break
        descent = descent * active[:, None, None]
        step = _newton_step(rows, penalty, costs * probabilities, probabilities, descent)
        change = rows @ step.mT
        slope = (step * descent).sum((1, 2))
        length = torch.ones_like(slope)
        objective = _objective(weight, penalty, scores, targets, costs)
        for _ in range(HALVINGS):
            along = length[:, None, None]
            trial = _objective(
                weight + along * step, penalty, scores + along * change, targets, costs
            )
            # The last term allows for rounding errors.
            grows = trial > objective - 1e-4 * length * slope + 1e-6 * objective
            if not grows.any():
                break
            length = torch.where(grows, length / 2, length)
        weight = weight + length[:, None, None] * step
        scores = scores + length[:, None, None] * change
    bias = CONSTANT * weight[..., -1] + class_offset
    weight = weight[..., :-1]
    return weight, bias - (weight @ origin.mT).squeeze(-1)


def _newton_step(
    rows: Tensor, penalty: Tensor, curvatures: Tensor, probabilities: Tensor, residual: Tensor
) -> Tensor:
    """Conjugate gradients on (Hessian of the objective) step = residual [B, N, R + 1]."""
    step, direction = torch.zeros_like(residual), residual
    size = residual.square().sum((1, 2))
    # Far from the optimum a rough step is enough; near it the error falls with the gradient.
    target_size = size * size.sqrt().clamp(max=0.1)
    for _ in range(CONJUGATE_STEPS):
        active = size > target_size
        if not active.any():
            break
        change = rows @ direction.mT  # [B, M, N]
        mean_change = (probabilities * change).sum(-1, keepdim=True)
        penalised = penalty * direction
        product = (curvatures * change - curvatures * mean_change).mT @ rows + penalised
        # The loss adds to the curvature of the penalty; only rounding makes it less.
        lower_bound = (direction * penalised).sum((1, 2)).clamp(min=1e-30)
        rate = size / torch.maximum((direction * product).sum((1, 2)), lower_bound)
        along = torch.where(active, rate, 0.0)[:, None, None]
        step = step + along * direction
        residual = residual - along * product
        before, size = size, torch.where(active, residual.square().sum((1, 2)), 0.0)
        direction = residual + (size / before.clamp(min=1e-30))[:, None, None] * direction
    return step


def _objective(
    weight: Tensor, penalty: Tensor, scores: Tensor, targets: Tensor, costs: Tensor
) -> Tensor:
    """The value [B] that `fit_logistic` minimises."""
    losses = scores.logsumexp(-1, keepdim=True) - (scores * targets).sum(-1, keepdim=True)
    return (penalty * weight.square()).sum((1, 2)) / 2 + (costs * losses).sum((1, 2))
