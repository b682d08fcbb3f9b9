"""What is lowered by training."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def class_weights(targets: Tensor, count: int) -> Tensor:
    """[n]: makes classes count alike; 1 on average.

    >>> class_weights(torch.tensor([0, 0, 0, 1]), 2)
    tensor([0.6667, 0.6667, 0.6667, 2.0000])
    """
    sizes = torch.bincount(targets, minlength=count)
    return len(targets) / ((sizes > 0).sum() * sizes[targets])


def supervised_contrastive(vectors: Tensor, targets: Tensor, sharpness: float) -> Tensor:
    """[B]: SupCon (Khosla et al. 2020, arXiv 2004.11362, equation 2) within the batch.

    l_i = - mean_p log (exp(z_i.z_p / t) / sum_{a != i} exp(z_i.z_a / t)) over the others p of
    the class of i; 0 where there are none.
    """
    vectors = F.normalize(vectors, dim=-1)
    similar = vectors @ vectors.mT / sharpness
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    beliefs = similar.masked_fill(itself, float("-inf")).log_softmax(-1)
    pairs = (targets[:, None] == targets) & ~itself
    # Where there is no pair, -inf * 0 would be no number.
    total = beliefs.masked_fill(~pairs, 0).sum(-1)
    return -total / pairs.sum(-1).clamp(min=1)
