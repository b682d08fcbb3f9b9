"""What several heads compute."""

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


def class_of_example(weights: Tensor) -> Tensor:
    """One-hot [N * K, N]: the class of each row of `support.flatten(1, 2)`."""
    _, N, K = weights.shape
    return torch.eye(N, dtype=weights.dtype, device=weights.device).repeat_interleave(K, 0)


def log_sum_of_classes(logs: Tensor, weights: Tensor) -> Tensor:
    """log sum_k w_nk exp(logs_nk): logs [B, Q, N * K], weights [B, N, K] -> [B, Q, N]."""
    # 1e-30 keeps the gradient of padding finite.
    weighted = logs.view(*logs.shape[:2], *weights.shape[1:]) + (weights + 1e-30).log()[:, None]
    return weighted.logsumexp(-1)
