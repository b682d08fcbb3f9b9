"""One training run of a prompt: from examples and their classes to a tuned copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import option
from fsl_nlp.methods.prompted.prompt import Prompt
from fsl_nlp.prompts.adapet import AdapetLoss
from fsl_nlp.training.adaptation import Parameters
from fsl_nlp.training.batches import by_length
from fsl_nlp.training.losses import class_weights
from fsl_nlp.training.settings import TrainSettings
from fsl_nlp.training.trainer import OnStep, Trainer, seeded
from fsl_nlp.types import Example

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class PromptTraining:
    """Options of every tuned prompt: those of `TrainSettings` that a cloze has a use for."""

    epochs: int = option(10, "passes over the examples at most")
    batch_size: int = option(16, "examples in a training step")
    learning_rate: float = option(1e-3, "of the model; tune=full has 5e-5")
    head_learning_rate: float = option(1e-2, "of soft tokens, soft words or the head")
    weight_decay: float = option(0.01, "weight decay of AdamW")
    warmup: float = option(0.1, "share of the steps in which the rates rise; then they fall to 0")
    clip: float = option(1.0, "largest norm of a gradient")
    balance: bool = option(True, "each class counts the same, whatever its number of examples")
    patience: int = option(5, "stop after this many epochs without a lower loss")
    adapet: bool = option(
        False, "score the whole vocabulary, and fill in the text by the label (arXiv 2103.11955)"
    )

    def __post_init__(self) -> None:
        self.steps()  # checks

    def steps(self) -> TrainSettings:
        return TrainSettings(**{k: v for k, v in asdict(self).items() if k != "adapet"})


@dataclass(frozen=True)
class PromptLesson:
    """What is to be learned, and which parameters of the (copied) model may change for it."""

    prompt: Prompt
    tuned: Parameters
    vectors: nn.Parameter | None  # [N, D], soft words
    examples: Sequence[Example]
    classes: Sequence[int]
    targets: Tensor | None = None  # [n, N]: beliefs to be matched in place of the classes

    def learn(self, settings: PromptTraining, *, seed: int, on_step: OnStep | None) -> None:
        encoder, net = self.prompt.cloze.encoder, self.prompt.cloze.net
        ask = self.prompt.ask if self.vectors is None else self.prompt.ask_mask
        questions = ask(self.examples)
        rows = questions.lengths
        lengths = [len(row) for row in rows]
        count = len(self.prompt.labels)
        targets = torch.tensor(self.classes, device=encoder.device)
        weights = torch.ones(len(targets), device=encoder.device)
        if settings.balance and self.prompt.verbalizer is not None and self.targets is None:
            weights = class_weights(targets, count)

        def loss(chosen: list[int]) -> Tensor:
            if self.vectors is None:
                scores = self.prompt.scores(questions, chosen)
            else:
                scores = self.prompt.states(questions, chosen) @ self.vectors.mT
            if self.targets is not None:
                wanted = self.targets[chosen].to(scores.device)
                return F.cross_entropy(scores.float(), wanted)
            losses = F.cross_entropy(scores.float(), targets[chosen], reduction="none")
            return (losses * weights[chosen]).mean()

        if settings.adapet:
            loss = AdapetLoss(
                self.prompt.cloze, self._words(), self.examples, self.classes, seed
            ).loss
        with seeded(seed, encoder.device):
            rng = np.random.default_rng(seed)
            trainer = Trainer(
                self._groups(settings),
                settings.steps(),
                encoder.device,
                on_step,
                encoder.autocast,
                resumable=not settings.adapet,  # which hides words as its own dice fall
            )
            if self.tuned:
                net.train()
            trainer.run(rows, lambda: by_length(lengths, settings.batch_size, rng), loss)
        if self.tuned:
            in_precision(net.eval().requires_grad_(False), encoder.precision)

    def _words(self) -> list[list[list[int]]]:
        if self.prompt.verbalizer is None or self.vectors is not None:
            raise OptionError("adapet=True: needs words of labels, and verbalizer='words'.")
        return self.prompt.verbalizer.pieces(self.prompt.cloze.renderer)

    def _groups(self, settings: PromptTraining) -> list[tuple[list[nn.Parameter], float]]:
        """Of parameters and their learning rates."""
        soft = [p for name, p in self.tuned.items() if name.endswith(".soft")]
        soft += [self.vectors] if self.vectors is not None else []
        rest = [p for name, p in self.tuned.items() if not name.endswith(".soft")]
        return [(rest, settings.learning_rate), (soft, settings.head_learning_rate)]
