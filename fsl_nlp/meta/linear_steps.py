"""The inner loop of a linear head, by the formula of its gradients.

Steps move the weights of a class within the span of the S support features. So they are computed as
coefficients of the supports, from the dot products of the supports, which are computed once.
`InnerLoop.step` does the same for any head, with the gradients of torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.meta.task_heads import Tensors


def linear_steps(
    fast: Tensors,
    features: Tensor,
    targets: Tensor,
    weights: Tensor,
    rate_scale: Tensor,
    rates: Sequence[Tensors],
    scale: Tensor,
    *,
    first_order: bool,
) -> tuple[list[Tensors], Tensor]:
    """`fast` before the first and after each step, and the support losses [steps, B] before each.

    Features [B, S, D], targets [S], weights [B, S]; scores are scale * (features w + b).
    """
    start, bias = fast["head.weight"], fast["head.bias"]  # [B, N, D], [B, N]
    path, losses = [fast], []
    one_hot = F.one_hot(targets, start.shape[1]).to(features)
    # First order: gradients are constants, but the start and the rates are still differentiated.
    differentiable = torch.is_grad_enabled() and not first_order
    if first_order:
        features = features.detach()
    with torch.set_grad_enabled(differentiable):
        dots = features @ features.mT  # [B, S, S]
        at_start = features @ start.mT  # [B, S, N]
    shift = torch.zeros_like(bias)
    coefficients = torch.zeros_like(at_start)  # [B, S, N], of the supports in the weights
    for rate in rates:
        with torch.set_grad_enabled(differentiable):
            scores = scale * (at_start + dots @ coefficients + (bias + shift)[:, None])
            log_probabilities = scores.log_softmax(-1)
            losses.append(-(log_probabilities.detach() * one_hot).sum(-1).mul(weights).sum(-1))
            gradients = scale * weights[..., None] * (log_probabilities.exp() - one_hot)
        coefficients = coefficients - (rate_scale * rate["head.weight"])[:, None, None] * gradients
        shift = shift - (rate_scale * rate["head.bias"])[:, None] * gradients.sum(1)
        path.append({"head.weight": coefficients.mT @ features, "head.bias": shift})
    for i, step in enumerate(path[1:], 1):
        path[i] = {
            "head.weight": start + step["head.weight"],
            "head.bias": bias + step["head.bias"],
        }
    return path, torch.stack(losses) if losses else weights.new_zeros(0, len(weights))
