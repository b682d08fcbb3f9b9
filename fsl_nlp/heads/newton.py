"""Logistic regression of many tasks at once."""

from __future__ import annotations

import torch
from torch import Tensor

NEWTON_STEPS = 30
CONJUGATE_STEPS = 50
HALVINGS = 8
# Of the length of the gradient at the start. Leaves probabilities within 1e-4.
TOLERANCE = 3e-5
# The column that the bias multiplies. The bias is free, so any constant gives the same optimum;
# this one gives it about the curvature of the other columns, and a third of the iterations.
CONSTANT = 0.3
# A free bias for each class leaves one direction flat, in which rounding alone would steer.
BIAS_PENALTY = 1e-4


def fit_logistic(features: Tensor, targets: Tensor, costs: Tensor) -> tuple[Tensor, Tensor]:
    """Minimise |W|^2 / 2 + sum_i costs_i (-log softmax(W x_i + b)[y_i]), for B tasks at once.

    features [B, M, R], targets [M, N] one-hot, costs [B, M], 0 for padding. Gives W [B, N, R] and
    b [B, N]. Newton's method; each step is solved by conjugate gradients, and halved where the
    objective would grow. The loops end when the slowest task has converged.
    """
    # Moving the origin changes nothing but the bias, and makes it almost independent of W.
    origin = (costs / costs.sum(1, keepdim=True))[:, None] @ features  # [B, 1, R]
    constant = torch.full_like(features[..., :1], CONSTANT)
    rows = torch.cat([features - origin, constant], -1)  # [B, M, R + 1]
    penalty = torch.ones_like(rows[0, 0])
    penalty[-1] = BIAS_PENALTY
    # A class without an example is never chosen.
    barred = (costs @ targets == 0).to(rows) * -1e4  # [B, N]

    weight = rows.new_zeros(*barred.shape, rows.shape[-1])
    scores = barred[:, None].expand(*costs.shape, -1)  # [B, M, N]
    costs = costs[..., None]
    first: Tensor | None = None
    for _ in range(NEWTON_STEPS):
        beliefs = scores.softmax(-1)
        downhill = (costs * (targets - beliefs)).mT @ rows - penalty * weight
        size = downhill.square().sum((1, 2))
        first = size if first is None else first
        active = size > TOLERANCE**2 * first
        if not active.any():
            break
        downhill = downhill * active[:, None, None]
        step = _newton_step(rows, penalty, costs * beliefs, beliefs, downhill)
        change = rows @ step.mT
        slope = (step * downhill).sum((1, 2))
        length = torch.ones_like(slope)
        now = _objective(weight, penalty, scores, targets, costs)
        for _ in range(HALVINGS):
            along = length[:, None, None]
            then = _objective(
                weight + along * step, penalty, scores + along * change, targets, costs
            )
            # The last term is what rounding alone can add.
            grows = then > now - 1e-4 * length * slope + 1e-6 * now
            if not grows.any():
                break
            length = torch.where(grows, length / 2, length)
        weight = weight + length[:, None, None] * step
        scores = scores + length[:, None, None] * change
    bias = CONSTANT * weight[..., -1] + barred
    weight = weight[..., :-1]
    return weight, bias - (weight @ origin.mT).squeeze(-1)


def _newton_step(
    rows: Tensor, penalty: Tensor, curvatures: Tensor, beliefs: Tensor, residual: Tensor
) -> Tensor:
    """Conjugate gradients on (Hessian of the objective) step = residual [B, N, R + 1]."""
    step, direction = torch.zeros_like(residual), residual
    size = residual.square().sum((1, 2))
    # Far from the optimum a rough step will do; near it the error falls with the gradient.
    enough = size * size.sqrt().clamp(max=0.1)
    for _ in range(CONJUGATE_STEPS):
        active = size > enough
        if not active.any():
            break
        moved = rows @ direction.mT  # [B, M, N]
        turned = curvatures * moved - curvatures * (beliefs * moved).sum(-1, keepdim=True)
        floor = penalty * direction
        product = turned.mT @ rows + floor
        # The loss only adds to the curvature of the penalty; rounding may take away.
        least = (direction * floor).sum((1, 2)).clamp(min=1e-30)
        rate = size / torch.maximum((direction * product).sum((1, 2)), least)
        along = torch.where(active, rate, 0.0)[:, None, None]
        step = step + along * direction
        residual = residual - along * product
        before, size = size, torch.where(active, residual.square().sum((1, 2)), 0.0)
        direction = residual + (size / before.clamp(min=1e-30))[:, None, None] * direction
    return step


def _objective(
    weight: Tensor, penalty: Tensor, scores: Tensor, targets: Tensor, costs: Tensor
) -> Tensor:
    losses = scores.logsumexp(-1, keepdim=True) - (scores * targets).sum(-1, keepdim=True)
    return (penalty * weight.square()).sum((1, 2)) / 2 + (costs * losses).sum((1, 2))
