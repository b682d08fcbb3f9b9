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


def cosine_margin(
    vectors: Tensor, head: Tensor, targets: Tensor, *, loss_temperature: float, margin: float
) -> Tensor:
    """[B]: cross-entropy of the cosines to each class, the own one less a margin.

    -log softmax((cos(v, w_n) - margin [n = y]) / t)[y]: CosFace (Wang et al. 2018, arXiv
    1801.09414, equation 4). vectors [B, D], head [N, D].
    """
    cosines = F.normalize(vectors, dim=-1) @ F.normalize(head, dim=-1).mT
    own = F.one_hot(targets, len(head)).to(cosines)
    return F.cross_entropy((cosines - margin * own) / loss_temperature, targets, reduction="none")


def cosine_distillation(
    vectors: Tensor, head: Tensor, beliefs: Tensor, loss_temperature: float
) -> Tensor:
    """[B]: cross-entropy of the cosines to each class with beliefs [B, N] in them."""
    cosines = F.normalize(vectors, dim=-1) @ F.normalize(head, dim=-1).mT
    return F.cross_entropy(cosines / loss_temperature, beliefs, reduction="none")


def supervised_contrastive(vectors: Tensor, targets: Tensor, loss_temperature: float) -> Tensor:
    """[B]: SupCon (Khosla et al. 2020, arXiv 2004.11362, equation 2) within the batch.

    l_i = - mean_p log (exp(z_i.z_p / t) / sum_{a != i} exp(z_i.z_a / t)) over the others p of
    the class of i; 0 where there are none.
    """
    vectors = F.normalize(vectors, dim=-1)
    similar = vectors @ vectors.mT / loss_temperature
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    beliefs = similar.masked_fill(itself, float("-inf")).log_softmax(-1)
    pairs = (targets[:, None] == targets) & ~itself
    # Where there is no pair, -inf * 0 would be no number.
    total = beliefs.masked_fill(~pairs, 0).sum(-1)
    return -total / pairs.sum(-1).clamp(min=1)
