"""Options of methods that tune the encoder, and what each of their names means."""

from __future__ import annotations

from dataclasses import dataclass

from fsl_nlp.errors import OptionError
from fsl_nlp.training.adaptation import Adaptation, BiasTuning, FullTuning, LoraTuning
from fsl_nlp.training.settings import TrainSettings

# Divides the cosines to class means, where they are no output of training.
MEANS_TEMPERATURE = 0.05
# Divides the scores. Cross-fitting would train several times over, so it is a number: that of the
# least log loss on BANKING77's validation file.
TEMPERATURE = 1.2


@dataclass(frozen=True)
class TunedSettings:
    """`label_names`, `descriptions`: the words of a label's name, its description, are one more
    example of it each.
    `centre`: the mean of the classes is subtracted from vectors. (Those of some encoders, such as
    e5, all have nearly the same direction.)
    `refit`: a logistic regression on the tuned vectors gives half of the probability. (It gives all
    of it where the method learned from unlabelled texts.)
    `temperature`: divides the scores; None is 1.2.
    """

    label_names: bool = True
    descriptions: bool = True
    centre: bool = True
    refit: bool = True
    temperature: float | None = None

    def __post_init__(self) -> None:
        if self.temperature is not None and not self.temperature > 0:
            raise OptionError(f"temperature={self.temperature!r}: must be greater than 0.")


@dataclass(frozen=True)
class Recipe:
    """What a name of a method means."""

    adaptation: type[Adaptation] | None  # None trains the head alone
    train: TrainSettings
    contrast: bool = False
    refit: bool = True


RECIPES: dict[str, Recipe] = {
    "lora": Recipe(LoraTuning, TrainSettings(learning_rate=1e-3)),
    "full": Recipe(FullTuning, TrainSettings()),
    "bitfit": Recipe(BiasTuning, TrainSettings(learning_rate=1e-3)),
    "head": Recipe(None, TrainSettings(epochs=30), refit=False),
    "contrastive": Recipe(FullTuning, TrainSettings(), contrast=True),
}
