"""Made-up episodes, and heads of every kind ready to fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from fsl_nlp.heads import head_class
from fsl_nlp.heads.base import Head
from fsl_nlp.heads.learned import LearnedHead

DIMENSIONS = 12


@pytest.fixture
def make_head() -> Callable[..., Head]:
    """A head by name; a learned one has parameters that are not those of its start."""

    def make(name: str, dimensions: int = DIMENSIONS, **options: Any) -> Head:
        head = head_class(name)(**options)
        if not isinstance(head, LearnedHead):
            return head
        generator = torch.Generator().manual_seed(5)
        parameters = {
            k: v + 0.1 * torch.randn(v.shape, generator=generator)
            for k, v in head.initial(dimensions, seed=0).items()
        }
        return replace(head, parameters=parameters)

    return make


@pytest.fixture
def make_episodes() -> Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]:
    """support [B, N, K, D], weights [B, N, K], query [B, N * Q, D], target [N * Q].

    Classes are Gaussian around means that lie `apart`, all away from the origin. `ragged` takes
    examples away, but the first of a class, and leaves rubbish where they were.
    """

    def make(
        tasks: int = 4,
        way: int = 3,
        shot: int = 4,
        queries: int = 3,
        dimensions: int = DIMENSIONS,
        apart: float = 1.0,
        ragged: bool = False,
        seed: int = 0,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, dimensions, generator=generator)

        means = apart * normal(tasks, way, 1) + normal(1, 1, 1)
        support = means + normal(tasks, way, shot)
        query = (means + normal(tasks, way, queries)).flatten(1, 2)
        weights = torch.ones(tasks, way, shot)
        if ragged:
            weights = (torch.rand(tasks, way, shot, generator=generator) < 0.6).float()
            weights[..., 0] = 1
        return support, weights, query, torch.arange(way).repeat_interleave(queries)

    return make
