"""LEO: the head is decoded from a code of each class, and the codes adapt."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fsl_nlp.heads.learned import random_matrix
from fsl_nlp.meta.task_heads import TaskHead, Tensors, principal

# First width of the distribution of codes, as a share of the width of the prior. Weight of the
# divergence from the prior, near the values that the paper chose by search.
_SPREAD = 0.1
_COST = 0.001


class LatentHead(TaskHead):
    """Latent embedding optimisation (Rusu et al. 2019, arXiv 1807.05960).

    In training z_n = m_n + s_n * e, with e from a standard Gaussian; in fitting z_n = m_n.
    m_n = E c_n + relu(R [c_n, m]) F with the class mean c_n and the mean m of all class means, and
    log s_n = a + relu(R [c_n, m]) G; w_n = D z_n. The outer loss has a penalty for the divergence
    of the distribution of each code from N(0, 1 / size).

    Encoder E and decoder D start as the principal directions of the source, so w_n starts near c_n.
    The paper draws w from a learned Gaussian, too; here w is its mean.
    """

    size = 128
    hidden = 64

    def initial(self, dimensions: int, generator: torch.Generator) -> Tensors:
        """Random maps; the relation network starts at 0."""
        size = min(self.size, dimensions)
        encode = random_matrix(size, dimensions, generator)  # [size, D]
        return {
            "encode": encode,
            "decode": encode.mT.clone(),
            "relate": random_matrix(self.hidden, 2 * dimensions, generator),
            "relate_out": torch.zeros(self.hidden, size),
            "relate_spread": torch.zeros(self.hidden, size),
            "log_spread": torch.full((size,), math.log(_SPREAD / size**0.5)),
        }

    def warm_start(self, features: Tensor) -> Tensors:
        """The principal directions as encoder and decoder."""
        axes = principal(features, self.size)
        return {"encode": axes.mT.contiguous(), "decode": axes}

    def noise_size(self, dimensions: int) -> int:
        """The length of a code."""
        return min(self.size, dimensions)

    def start(
        self, meta: Tensors, features: Tensor, shares: Tensor, noise: Tensor | None = None
    ) -> Tensors:
        """The code of each class."""
        mean, log_spread = self._code(meta, features, shares)
        return {"code": mean if noise is None else mean + log_spread.exp() * noise}

    def penalty(self, meta: Tensors, features: Tensor, shares: Tensor) -> Tensor:
        """The mean over classes of KL(N(m_n, s_n^2) || N(0, 1 / size))."""
        mean, log_spread = self._code(meta, features, shares)
        size = mean.shape[1]
        variance = size * (2 * log_spread).exp()
        divergence = size * mean.square() + variance - 1 - variance.log()  # [N, size]
        return _COST * 0.5 * divergence.sum(1).mean()

    def _code(self, meta: Tensors, features: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and the log of the width of the code of each class, [N, size]."""
        centres = shares @ features  # [N, D]
        context = centres.mean(0, keepdim=True).expand_as(centres)
        hidden = (torch.cat([centres, context], -1) @ meta["relate"].mT).relu()
        mean = centres @ meta["encode"].mT + hidden @ meta["relate_out"]
        return mean, meta["log_spread"] + hidden @ meta["relate_spread"]

    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        """Dot products with the decoded codes."""
        return features @ (fast["code"] @ meta["decode"].mT).mT

    def shapes(self, dimensions: int) -> dict[str, tuple[int, ...]]:
        """A code."""
        return {"code": (min(self.size, dimensions),)}
