"""How to train."""

from __future__ import annotations

from dataclasses import dataclass

from fsl_nlp.heads.options import require_above, require_between, require_count

# The more layers change, the more the whole does: 2e-4 is best for the 6 layers of MiniLM, 1e-4 or
# less for the 12 of e5 (docs/tuning.md).
RATE_OF_ONE_LAYER = 1.2e-3


@dataclass(frozen=True)
class TrainSettings:
    """Options of every tuned method.

    `learning_rate` is the encoder's (None is `RATE_OF_ONE_LAYER` divided by its layers),
    `head_learning_rate` the head's. `batch_size` examples make a step, in as many passes as fit
    in memory. `warmup` is the share of the steps in which the rates rise; then they fall to 0.
    `loss_temperature` divides the cosines in the loss: the lower, the closer the fit. `margin`: by
    how much the cosine to the own class must lead. `patience`: stop after so many epochs without a
    lower loss. `balance`: classes count alike, however many examples they have. `tokens`: training
    reads so many of a text at most, its first; answers read the whole text.
    """

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float | None = None
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0
    loss_temperature: float = 0.05
    margin: float = 0.1
    balance: bool = True
    patience: int = 5
    tokens: int = 128

    def __post_init__(self) -> None:
        require_count("epochs", self.epochs)
        require_count("batch_size", self.batch_size)
        require_count("patience", self.patience)
        require_count("tokens", self.tokens, 8)
        if self.learning_rate is not None:
            require_above("learning_rate", self.learning_rate, 0)
        for name in ("head_learning_rate", "clip", "loss_temperature"):
            require_above(name, getattr(self, name), 0)
        require_between("margin", self.margin, 0, 1)
        require_between("weight_decay", self.weight_decay, 0, 10)
        require_between("warmup", self.warmup, 0, 1)
