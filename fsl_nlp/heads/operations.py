"""Tensor functions that several heads use."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def unit(vectors: Tensor) -> Tensor:
    """Each vector divided by its length."""
    return F.normalize(vectors, dim=-1)


def class_means(support: Tensor, weights: Tensor) -> Tensor:
    """support [B, N, K, D], weights [B, N, K] -> [B, N, D]."""
    shares = weights / weights.sum(-1, keepdim=True).clamp(min=1e-12)
    return shares.unsqueeze(-2).matmul(support).squeeze(-2)


def squared_distances(query: Tensor, centres: Tensor) -> Tensor:
    """|q - c|^2 = |q|^2 - 2 q.c + |c|^2: query [B, Q, D], centres [B, N, D] -> [B, Q, N]."""
    dots = query @ centres.mT
    return query.square().sum(-1, keepdim=True) - 2 * dots + centres.square().sum(-1)[:, None]


def means_and_excess(support: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The class means [B, N, D], and the excess [B, N] of the squared distances to them.

    E|q - c_n|^2 = |q - E c_n|^2 + v / K_n, with v the pooled variance within the classes: the mean
    of few examples lies further from a query than the true mean. Without a correction, classes of
    few examples are predicted too seldom. Where all classes have equally many examples, the excess
    is equal for all and does not change the probabilities.
    """
    means = class_means(support, weights)
    sizes = weights.sum(-1)  # [B, N]
    spread = ((support - means[:, :, None]).square().sum(-1) * weights).sum((1, 2))  # [B]
    variance = spread / (sizes.sum(-1) - sizes.shape[1]).clamp(min=1)
    return means, variance[:, None] / sizes.clamp(min=1)


def class_of_example(weights: Tensor) -> Tensor:
    """One-hot [N * K, N]: the class of each row of `support.flatten(1, 2)`."""
    _, N, K = weights.shape
    return torch.eye(N, dtype=weights.dtype, device=weights.device).repeat_interleave(K, 0)


def log_sum_of_classes(logs: Tensor, weights: Tensor) -> Tensor:
    """log sum_k w_nk exp(logs_nk): logs [B, Q, N * K], weights [B, N, K] -> [B, Q, N]."""
    # 1e-30 keeps the gradient of padding finite.
    by_class = logs.view(logs.shape[0], logs.shape[1], *weights.shape[1:])
    weighted = by_class + (weights + 1e-30).log()[:, None]
    return weighted.logsumexp(-1)
