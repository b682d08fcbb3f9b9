"""One tuning run: from examples and their classes to a tuned copy and its class vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.training.batches import by_class, by_length
from fsl_nlp.training.frozen_layers import FrozenLayers
from fsl_nlp.training.layers import layer_stack
from fsl_nlp.training.losses import (
    class_weights,
    cosine_distillation,
    cosine_margin,
    supervised_contrastive,
)
from fsl_nlp.training.reading import Matrix, Tokens, TunedEncoder
from fsl_nlp.training.settings import RATE_OF_ONE_LAYER, TrainSettings
from fsl_nlp.training.trainer import OnStep, Trainer, seeded
from fsl_nlp.types import Example

# Examples of a class that go into a batch together where pairs of them are needed.
_GROUP = 4


@dataclass(frozen=True)
class Lesson:
    """What is to be learned, and which parameters of the reader may change for it."""

    reader: TunedEncoder
    parameters: Sequence[nn.Parameter]
    examples: Sequence[Example]
    classes: Sequence[int]
    count: int  # of classes
    freeze_layers: int = 0
    beliefs: Tensor | None = None  # [n, N]: what is to be believed in place of the classes

    def learn(
        self, settings: TrainSettings, *, contrast: bool, seed: int, on_step: OnStep | None
    ) -> Tensor:
        """Tune the parameters; gives a vector for each class, [N, D]."""
        encoder = self.reader.encoder
        with seeded(seed, encoder.device):
            frozen = TunedEncoder(encoder, encoder.module, self.reader.centre)
            start = class_means(frozen.read(self.examples), self.classes, self.count)
            head = nn.Parameter(start.to(encoder.device))
            groups = [
                (self.parameters, settings.learning_rate or self._usual_rate()),
                ([head], settings.head_learning_rate),
            ]
            trainer = Trainer(
                [(parameters, rate) for parameters, rate in groups if parameters],
                settings,
                encoder.device,
                on_step,
                self.reader.autocast,
            )
            rng = np.random.default_rng(seed)
            cut = settings.tokens
            tokens = self.reader.tokens(self.examples, cut) if self.parameters else None
            # A vector that is there already takes no memory worth counting.
            rows = tokens.ids if tokens else [[0]] * len(self.examples)
            lengths = [len(row) for row in rows]

            def batches() -> list[list[int]]:
                if contrast:
                    return by_class(self.classes, settings.batch_size, _GROUP, rng)
                return by_length(lengths, settings.batch_size, rng)

            self.reader.module.train(bool(self.parameters))
            trainer.run(rows, batches, self._loss(head, tokens, settings, contrast))
        self._finish()
        if contrast:
            return class_means(self.reader.read(self.examples), self.classes, self.count)
        return F.normalize(head.detach(), dim=-1).cpu()

    def _usual_rate(self) -> float:
        return RATE_OF_ONE_LAYER / max(1, len(layer_stack(self.reader.module)))

    def _loss(
        self, head: nn.Parameter, tokens: Tokens | None, settings: TrainSettings, contrast: bool
    ) -> Callable[[list[int]], Tensor]:
        targets = torch.tensor(self.classes, device=head.device)
        weights = class_weights(targets, self.count)
        if not settings.balance:
            weights = torch.ones_like(weights)
        vectors_of = self._vectors(tokens)

        def loss(rows: list[int]) -> Tensor:
            vectors, own = vectors_of(rows), targets[rows]
            if contrast:
                losses = supervised_contrastive(vectors, own, settings.loss_temperature)
            elif self.beliefs is not None:
                wanted = self.beliefs[rows].to(vectors)
                losses = cosine_distillation(vectors, head, wanted, settings.loss_temperature)
            else:
                losses = cosine_margin(
                    vectors,
                    head,
                    own,
                    loss_temperature=settings.loss_temperature,
                    margin=settings.margin,
                )
            return (losses * weights[rows]).mean()

        return loss

    def _vectors(self, tokens: Tokens | None) -> Callable[[list[int]], Tensor]:
        """The vectors [B, D] of the examples named, as the parameters are when it is called."""
        reader = self.reader
        if tokens is None:
            fixed = torch.from_numpy(reader.read(self.examples)).to(reader.encoder.device)
            return lambda rows: fixed[rows]
        if not self.freeze_layers:
            return lambda rows: reader.vectors(reader.features(tokens, rows))
        frozen = FrozenLayers(reader.module, self.freeze_layers)
        with reader.autocast():
            frozen.read(tokens.ids, lambda rows: reader.features(tokens, rows))
        reader.module.train()

        def above(rows: list[int]) -> Tensor:
            with frozen.standing_in(rows):
                return reader.vectors(reader.features(tokens, rows))

        return above

    def _finish(self) -> None:
        """Ready for answers: no dropout, no gradients, in the encoder's precision."""
        if self.parameters:
            self.reader.module.eval().requires_grad_(False)
            in_precision(self.reader.module, self.reader.encoder.precision)


def class_means(vectors: Matrix, classes: Sequence[int], count: int) -> Tensor:
    """[N, D]: the means of unit vectors, of unit length."""
    unit = F.normalize(torch.from_numpy(vectors), dim=-1)
    sums = torch.zeros(count, unit.shape[1]).index_add_(0, torch.tensor(classes), unit)
    return F.normalize(sums, dim=-1)
