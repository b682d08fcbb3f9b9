"""LEO: a task's head is decoded from a code of each class, and the codes adapt."""

from __future__ import annotations

import torch
from torch import Tensor

from fsl_nlp.heads.learned import random_matrix
from fsl_nlp.meta.task_heads import TaskHead, Tensors, principal


class LatentHead(TaskHead):
    """Latent embedding optimisation (Rusu et al. 2019, arXiv 1807.05960), without its noise.

    z_n = E c_n + relu(R [c_n, m]) F with the class mean c_n and the mean m of all of them;
    w_n = decode(z_n). Encoder and decoder start as the principal directions of the source, so that
    w_n begins near c_n. The paper draws z and w from Gaussians whose variances are
    learned too; here both are their means.
    """

    size = 128
    hidden = 64

    def initial(self, dimensions: int, generator: torch.Generator) -> Tensors:
        size = min(self.size, dimensions)
        encode = random_matrix(size, dimensions, generator)  # [size, D]
        return {
            "encode": encode,
            "decode": encode.mT.clone(),
            "relate": random_matrix(self.hidden, 2 * dimensions, generator),
            "relate_out": torch.zeros(self.hidden, size),
        }

    def warm_start(self, features: Tensor) -> Tensors:
        axes = principal(features, self.size)
        return {"encode": axes.mT.contiguous(), "decode": axes}

    def start(self, meta: Tensors, features: Tensor, shares: Tensor) -> Tensors:
        centres = shares @ features  # [N, D]
        others = centres.mean(0, keepdim=True).expand_as(centres)
        hidden = (torch.cat([centres, others], -1) @ meta["relate"].mT).relu()
        return {"code": centres @ meta["encode"].mT + hidden @ meta["relate_out"]}

    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        return features @ (fast["code"] @ meta["decode"].mT).mT

    def shapes(self, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {"code": (min(self.size, dimensions),)}
