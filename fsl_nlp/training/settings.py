"""Settings of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsl_nlp.heads.class_weight import BALANCED, MEANING, check_class_weight
from fsl_nlp.heads.options import (
    option,
    require_above,
    require_between,
    require_count,
    require_rate,
)

# More layers that change need a lower rate: 2e-4 is best for the 6 layers of MiniLM, 1e-4 or less
# for the 12 of e5 (docs/results/what-was-tried.md).
RATE_OF_ONE_LAYER = 1.2e-3


@dataclass(frozen=True)
class TrainSettings:
    """Options of every tuned method."""

    epochs: int = option(10, "passes over the examples at most")
    batch_size: int = option(64, "examples in a training step")
    learning_rate: float | None = option(
        None, f"of the encoder; None is {RATE_OF_ONE_LAYER:g} divided by its number of layers"
    )
    head_learning_rate: float = option(1e-3, "of the head")
    weight_decay: float = option(0.01, "weight decay of AdamW")
    warmup: float = option(0.1, "share of the steps in which the rates rise; then they fall to 0")
    clip: float = option(1.0, "largest norm of a gradient")
    loss_temperature: float = option(0.05, "divides the cosines in the loss: lower fits closer")
    margin: float = option(0.1, "lead that the loss asks of the cosine to the right class")
    class_weight: str | Mapping[Any, float] | None = option(BALANCED, MEANING)
    patience: int = option(5, "stop after this many epochs without a lower loss")
    tokens: int = option(128, "tokens of a text that training reads; answers read the whole text")

    def __post_init__(self) -> None:
        check_class_weight(self.class_weight)
        require_count("epochs", self.epochs)
        require_count("batch_size", self.batch_size)
        require_count("patience", self.patience)
        require_count("tokens", self.tokens, 8)
        if self.learning_rate is not None:
            require_rate("learning_rate", self.learning_rate)
        require_rate("head_learning_rate", self.head_learning_rate)
        for name in ("clip", "loss_temperature"):
            require_above(name, getattr(self, name), 0)
        require_between("margin", self.margin, 0, 1)
        require_between("weight_decay", self.weight_decay, 0, 10)
        require_between("warmup", self.warmup, 0, 1)
