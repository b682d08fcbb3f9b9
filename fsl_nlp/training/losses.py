"""Losses of tuned methods, one value for each example."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def class_weights(targets: Tensor, count: int, weights: Tensor | None = None) -> Tensor:
    """Weights [n] scaled so that every class has the same total; their sum is kept.

    >>> class_weights(torch.tensor([0, 0, 0, 1]), 2)
    tensor([0.6667, 0.6667, 0.6667, 2.0000])
    """
    weights = torch.ones(len(targets), device=targets.device) if weights is None else weights
    # torch.bincount adds weights in a random order on a GPU.
    sizes = weights @ F.one_hot(targets, count).to(weights)
    return weights * weights.sum() / ((sizes > 0).sum() * sizes[targets])


def cosine_margin(
    vectors: Tensor, head: Tensor, targets: Tensor, *, loss_temperature: float, margin: float
) -> Tensor:
    """Cross-entropy [B] of the cosines to each class, with a margin on the target class.

    -log softmax((cos(v, w_n) - margin [n = y]) / t)[y]: CosFace (Wang et al. 2018, arXiv
    1801.09414, equation 4). vectors [B, D], head [N, D].
    """
    cosines = F.normalize(vectors, dim=-1) @ F.normalize(head, dim=-1).mT
    target = F.one_hot(targets, len(head)).to(cosines)
    return F.cross_entropy(
        (cosines - margin * target) / loss_temperature, targets, reduction="none"
    )


def cosine_distillation(
    vectors: Tensor, head: Tensor, probabilities: Tensor, loss_temperature: float
) -> Tensor:
    """Cross-entropy [B] of the cosines to each class with target probabilities [B, N]."""
    cosines = F.normalize(vectors, dim=-1) @ F.normalize(head, dim=-1).mT
    return F.cross_entropy(cosines / loss_temperature, probabilities, reduction="none")


def supervised_contrastive(vectors: Tensor, targets: Tensor, loss_temperature: float) -> Tensor:
    """Supervised contrastive loss [B] (Khosla et al. 2020, arXiv 2004.11362, equation 2).

    l_i = - mean_p log (exp(z_i.z_p / t) / sum_{a != i} exp(z_i.z_a / t)), where p runs over the
    other examples of the class of i; 0 without any.
    """
    vectors = F.normalize(vectors, dim=-1)
    similarities = vectors @ vectors.mT / loss_temperature
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    log_probabilities = similarities.masked_fill(itself, float("-inf")).log_softmax(-1)
    pairs = (targets[:, None] == targets) & ~itself
    # masked_fill, since -inf * 0 is NaN.
    total = log_probabilities.masked_fill(~pairs, 0).sum(-1)
    return -total / pairs.sum(-1).clamp(min=1)
