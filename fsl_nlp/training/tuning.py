"""One tuning run: from examples and their classes to a tuned encoder and class vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.heads.class_weight import BALANCED
from fsl_nlp.seeding import seeded
from fsl_nlp.training.batches import by_class, by_length
from fsl_nlp.training.frozen_layers import FrozenLayers
from fsl_nlp.training.layers import layer_stack
from fsl_nlp.training.losses import (
    class_weights,
    cosine_distillation,
    cosine_margin,
    supervised_contrastive,
)
from fsl_nlp.training.settings import RATE_OF_ONE_LAYER, TrainSettings
from fsl_nlp.training.trainer import OnStep, Trainer
from fsl_nlp.training.tuned_encoder import Matrix, Tokens, TunedEncoder
from fsl_nlp.types import Example

Weights = NDArray[np.float32]

# Examples of a class that go into a batch together for the contrastive loss.
_GROUP = 4


@dataclass(frozen=True)
class TuningRun:
    """Examples with their classes, and the parameters of the reader that learn from them."""

    reader: TunedEncoder
    parameters: Sequence[nn.Parameter]
    examples: Sequence[Example]
    classes: Sequence[int]
    count: int  # number of classes
    weights: Weights  # [n], of each example
    freeze_layers: int = 0
    probabilities: Tensor | None = None  # [n, N]; targets in place of the classes

    def tune(
        self, settings: TrainSettings, *, contrast: bool, seed: int, on_step: OnStep | None
    ) -> Tensor:
        """Tune the parameters and give a vector for each class, [N, D]."""
        encoder = self.reader.encoder
        with seeded(seed):
            frozen = TunedEncoder(encoder, encoder.module, self.reader.centre)
            start = self._class_means(frozen)
            head = nn.Parameter(start.to(encoder.device))
            groups = [
                (self.parameters, settings.learning_rate or self._default_rate()),
                ([head], settings.head_learning_rate),
            ]
            trainer = Trainer(groups, settings, encoder.device, on_step, encoder.autocast)
            rng = np.random.default_rng(seed)
            cut = settings.tokens
            tokens = self.reader.tokens(self.examples, cut) if self.parameters else None
            # Without tuning the vectors are fixed, so the batches need not be limited by tokens.
            rows = tokens.ids if tokens else [[0]] * len(self.examples)
            lengths = [len(row) for row in rows]

            def batches() -> list[list[int]]:
                if contrast:
                    return by_class(self.classes, settings.batch_size, _GROUP, rng)
                return by_length(lengths, settings.batch_size, rng)

            self.reader.module.train(bool(self.parameters))
            trainer.run(rows, batches, self._loss(head, tokens, settings, contrast))
        self._prepare_for_inference()
        if contrast:
            return self._class_means(self.reader)
        return F.normalize(head.detach(), dim=-1).cpu()

    def _class_means(self, reader: TunedEncoder) -> Tensor:
        vectors = reader.vectors(self.examples)
        return class_means(vectors, self.classes, self.count, self.weights)

    def _default_rate(self) -> float:
        return RATE_OF_ONE_LAYER / max(1, len(layer_stack(self.reader.module)))

    def _loss(
        self, head: nn.Parameter, tokens: Tokens | None, settings: TrainSettings, contrast: bool
    ) -> Callable[[list[int]], Tensor]:
        targets = torch.tensor(self.classes, device=head.device)
        weights = torch.from_numpy(self.weights).to(head.device)
        if settings.class_weight == BALANCED:
            weights = class_weights(targets, self.count, weights)
        vectors_of = self._vectors(tokens)

        def loss(rows: list[int]) -> Tensor:
            vectors, batch_targets = vectors_of(rows), targets[rows]
            if contrast:
                losses = supervised_contrastive(vectors, batch_targets, settings.loss_temperature)
            elif self.probabilities is not None:
                soft_targets = self.probabilities[rows].to(vectors)
                losses = cosine_distillation(vectors, head, soft_targets, settings.loss_temperature)
            else:
                losses = cosine_margin(
                    vectors,
                    head,
                    batch_targets,
                    loss_temperature=settings.loss_temperature,
                    margin=settings.margin,
                )
            return (losses * weights[rows]).mean()

        return loss

    def _vectors(self, tokens: Tokens | None) -> Callable[[list[int]], Tensor]:
        """A function that gives the vectors [B, D] of some rows with the current parameters."""
        reader = self.reader
        if tokens is None:
            fixed = torch.from_numpy(reader.vectors(self.examples)).to(reader.encoder.device)
            return lambda rows: fixed[rows]
        if not self.freeze_layers:
            return lambda rows: reader.embed(reader.features(tokens, rows))
        frozen = FrozenLayers(reader.module, self.freeze_layers)
        with reader.encoder.autocast():
            frozen.cache_states(tokens.ids, lambda rows: reader.features(tokens, rows))
        reader.module.train()

        def above(rows: list[int]) -> Tensor:
            with frozen.use_cached(rows):
                return reader.embed(reader.features(tokens, rows))

        return above

    def _prepare_for_inference(self) -> None:
        """Turn off dropout and gradients, and set the encoder's precision."""
        if self.parameters:
            self.reader.module.eval().requires_grad_(False)
            in_precision(self.reader.module, self.reader.encoder.precision)


def class_means(vectors: Matrix, classes: Sequence[int], count: int, weights: Weights) -> Tensor:
    """The mean direction [N, D] of each class, of unit length; weights are [n]."""
    unit = F.normalize(torch.from_numpy(vectors), dim=-1) * torch.from_numpy(weights)[:, None]
    sums = torch.zeros(count, unit.shape[1]).index_add_(0, torch.tensor(classes), unit)
    return F.normalize(sums, dim=-1)
