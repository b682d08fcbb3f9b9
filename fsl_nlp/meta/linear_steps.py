"""The inner loop of a linear head, its gradients written out.

Steps move the weights of a class only within the span of the support features, so all of them can
be taken between S supports, whatever the D dimensions: scores need the supports' dot products, and
those are computed once. `InnerLoop.step` does the same by torch's own gradients, for any head.
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
    slower: Tensor,
    rates: Sequence[Tensors],
    scale: Tensor,
    *,
    first_order: bool,
) -> tuple[list[Tensors], Tensor]:
    """`fast` before and after each step, and the support losses [steps, B] before each.

    Features [B, S, D], targets [S], weights [B, S]; scores are scale * (features w + b).
    """
    start, bias = fast["head.weight"], fast["head.bias"]  # [B, N, D], [B, N]
    path, losses = [fast], []
    one_hot = F.one_hot(targets, start.shape[1]).to(features)
    # First order: slopes are numbers; where the steps start from, and the rates, are not.
    followed = torch.is_grad_enabled() and not first_order
    if first_order:
        features = features.detach()
    with torch.set_grad_enabled(followed):
        dots = features @ features.mT  # [B, S, S]
        at_start = features @ start.mT  # [B, S, N]
    shift = torch.zeros_like(bias)
    moved = torch.zeros_like(at_start)  # how much of each support is in each class's weights
    for rate in rates:
        with torch.set_grad_enabled(followed):
            scores = scale * (at_start + dots @ moved + (bias + shift)[:, None])
            logs = scores.log_softmax(-1)
            losses.append(-(logs.detach() * one_hot).sum(-1).mul(weights).sum(-1))
            slopes = scale * weights[..., None] * (logs.exp() - one_hot)
        moved = moved - (slower * rate["head.weight"])[:, None, None] * slopes
        shift = shift - (slower * rate["head.bias"])[:, None] * slopes.sum(1)
        path.append({"head.weight": moved.mT @ features, "head.bias": shift})
    for i, step in enumerate(path[1:], 1):
        path[i] = {
            "head.weight": start + step["head.weight"],
            "head.bias": bias + step["head.bias"],
        }
    return path, torch.stack(losses) if losses else weights.new_zeros(0, len(weights))
