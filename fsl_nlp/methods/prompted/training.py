"""One training run of a prompt: from examples and their classes to a tuned copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.errors import OptionError
from fsl_nlp.methods.prompted.prompt import Prompt
from fsl_nlp.methods.prompted.settings import PromptTraining
from fsl_nlp.prompts.adapet import AdapetLoss
from fsl_nlp.seeding import seeded
from fsl_nlp.training.adaptation import Parameters
from fsl_nlp.training.batches import by_length
from fsl_nlp.training.losses import class_weights
from fsl_nlp.training.trainer import OnStep, Trainer
from fsl_nlp.types import Example


@dataclass(frozen=True)
class PromptTuningRun:
    """A prompt, the parameters of its (copied) model that train, and the training examples."""

    prompt: Prompt
    tuned: Parameters
    vectors: nn.Parameter | None  # [N, D], soft words
    examples: Sequence[Example]
    classes: Sequence[int]
    soft_targets: Tensor | None = None  # [n, N]: probabilities to match in place of the classes

    def tune(self, settings: PromptTraining, *, seed: int, on_step: OnStep | None) -> None:
        """Train the parameters and the vectors in place."""
        encoder, net = self.prompt.cloze.encoder, self.prompt.cloze.net
        build_questions = (
            self.prompt.label_questions if self.vectors is None else self.prompt.mask_questions
        )
        questions = build_questions(self.examples)
        rows = questions.lengths
        lengths = [len(row) for row in rows]
        count = len(self.prompt.labels)
        targets = torch.tensor(self.classes, device=encoder.device)
        weights = torch.ones(len(targets), device=encoder.device)
        if settings.balance and self.prompt.verbalizer is not None and self.soft_targets is None:
            weights = class_weights(targets, count)

        def loss(chosen: list[int]) -> Tensor:
            if self.vectors is None:
                scores = self.prompt.scores(questions, chosen)
            else:
                scores = self.prompt.states(questions, chosen) @ self.vectors.mT
            if self.soft_targets is not None:
                soft = self.soft_targets[chosen].to(scores.device)
                return F.cross_entropy(scores.float(), soft)
            losses = F.cross_entropy(scores.float(), targets[chosen], reduction="none")
            return (losses * weights[chosen]).mean()

        if settings.adapet:
            loss = AdapetLoss(
                self.prompt.cloze, self._words(), self.examples, self.classes, seed
            ).loss
        with seeded(seed):
            rng = np.random.default_rng(seed)
            trainer = Trainer(
                self._groups(settings),
                settings.steps(),
                encoder.device,
                on_step,
                encoder.autocast,
                resumable=not settings.adapet,  # its hidden words are drawn again
            )
            if self.tuned:
                net.train()
            trainer.run(rows, lambda: by_length(lengths, settings.batch_size, rng), loss)
        if self.tuned:
            in_precision(net.eval().requires_grad_(False), encoder.precision)

    def _words(self) -> list[list[list[int]]]:
        if self.prompt.verbalizer is None or self.vectors is not None:
            raise OptionError("adapet=True needs label words: set verbalizer='words'.")
        return self.prompt.verbalizer.pieces(self.prompt.cloze.renderer)

    def _groups(self, settings: PromptTraining) -> list[tuple[list[nn.Parameter], float]]:
        """Groups of parameters with their learning rates."""
        soft = [p for name, p in self.tuned.items() if name.endswith(".soft")]
        soft += [self.vectors] if self.vectors is not None else []
        model = [p for name, p in self.tuned.items() if not name.endswith(".soft")]
        return [(model, settings.learning_rate), (soft, settings.head_learning_rate)]
