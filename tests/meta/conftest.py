"""Made-up tasks, and every algorithm ready to adapt to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fsl_nlp.meta.algorithms import ALGORITHMS
from fsl_nlp.meta.bodies import BodySettings, vector_body
from fsl_nlp.meta.head import MetaHead
from fsl_nlp.meta.inner import InnerSettings
from fsl_nlp.meta.outer import Batch
from fsl_nlp.meta.settings import MetaSettings, TaskSize
from fsl_nlp.meta.task_heads import Tensors
from fsl_nlp.meta.tasks import Source
from fsl_nlp.meta.trainer import MetaTrainer

DIMENSIONS = 10


@pytest.fixture
def make_source() -> Callable[..., Source]:
    """Classes whose vectors differ in the first half of the dimensions; the rest is noise."""

    def make(
        classes: int = 16,
        each: int = 12,
        seed: int = 0,
        dimensions: int = DIMENSIONS,
        noise: float = 1.0,
    ) -> Source:
        generator = torch.Generator().manual_seed(seed)
        half = dimensions // 2
        means = torch.randn(classes, 1, half, generator=generator).expand(-1, each, -1)
        signal = means + 0.4 * torch.randn(classes, each, half, generator=generator)
        useless = noise * torch.randn(classes, each, dimensions - half, generator=generator)
        rows = torch.cat([signal, useless], -1).flatten(0, 1)
        return Source(f"made up {seed}", rows, torch.arange(classes).repeat_interleave(each))

    return make


@pytest.fixture
def make_head() -> Callable[..., MetaHead]:
    def make(name: str, **inner: object) -> MetaHead:
        algorithm = ALGORITHMS[name]
        body = vector_body(algorithm.body, BodySettings(rank=3))
        return MetaHead(algorithm, InnerSettings(**inner), body)

    return make


@pytest.fixture
def make_meta(make_source: Callable[..., Source]) -> Callable[..., Tensors]:
    """`meta` of an algorithm, moved away from where training starts, in float64."""

    def make(head: MetaHead, seed: int = 3) -> Tensors:
        trainer = MetaTrainer(head, TaskSize(), MetaSettings())
        training, _ = trainer.start([make_source()])
        generator = torch.Generator().manual_seed(seed)
        return {
            name: tensor.detach().double()
            + 0.1
            * torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            * (not name.startswith("fixed."))
            for name, tensor in training.meta.items()
        }

    return make


@pytest.fixture
def batch(make_source: Callable[..., Source]) -> Batch:
    """4 tasks of 3 classes with 1 or 2 supports and 2 queries each, in float64."""
    rows = make_source(seed=7).rows.double()
    generator = torch.Generator().manual_seed(1)
    indices = torch.stack([torch.randperm(192, generator=generator)[:12] for _ in range(4)])
    weights = torch.ones(4, 3, 2)
    weights[1, 2, 1] = weights[3, 0, 1] = 0
    return Batch.of(rows, indices[:, :6].view(4, 3, 2), indices[:, 6:], weights)


def as_learned(meta: Tensors) -> Tensors:
    """Copies that take gradients, but for what is never trained."""
    return {
        name: tensor.clone().requires_grad_(not name.startswith("fixed."))
        for name, tensor in meta.items()
    }


def gradients(loss: Tensor, meta: Tensors) -> Tensors:
    learned = {name: tensor for name, tensor in meta.items() if tensor.requires_grad}
    computed = torch.autograd.grad(loss, list(learned.values()), allow_unused=True)
    return {
        name: torch.zeros_like(tensor) if gradient is None else gradient
        for (name, tensor), gradient in zip(learned.items(), computed, strict=True)
    }
