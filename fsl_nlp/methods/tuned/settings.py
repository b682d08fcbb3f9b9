"""Options of methods that tune the encoder, and what each of their names means."""

from __future__ import annotations

from dataclasses import dataclass

from fsl_nlp.heads.options import option, require_above
from fsl_nlp.training.adaptation import Adaptation, BiasTuning, FullTuning, LoraTuning
from fsl_nlp.training.settings import TrainSettings

# Divides the cosines to class means, where they are no output of training.
MEANS_TEMPERATURE = 0.05
# Divides the scores, times how much harder than usual the frozen vectors find the classes:
# `temperature_ratio`. Cross-fitting the method itself would train several times over. The best for
# `full` with 5 examples a class were 1.5 on the validation files of BANKING77 and CLINC150, and 1.3
# on that of SMP2017.
TEMPERATURE = 1.4


@dataclass(frozen=True)
class TunedSettings:
    """Options of every tuned method, besides those of its training."""

    label_names: bool = option(True, "the name of a label is one more example of it")
    descriptions: bool = option(True, "the description of a label is one more example of it")
    # The vectors of some encoders, such as e5, all have nearly the same direction.
    centre: bool = option(True, "subtract the mean of the classes from each vector")
    # After learning from unlabelled texts, only the regression answers.
    refit: bool = option(True, "average the answer with a logistic regression on the tuned vectors")
    temperature: float | None = option(
        None, "divides the scores; None learns it on the frozen vectors by cross-fitting"
    )

    def __post_init__(self) -> None:
        if self.temperature is not None:
            require_above("temperature", self.temperature, 0)


@dataclass(frozen=True)
class Recipe:
    """What a name of a method means."""

    adaptation: type[Adaptation] | None  # None trains only the head
    train: TrainSettings
    summary: str
    paper: str = ""
    contrast: bool = False
    refit: bool = True


RECIPES: dict[str, Recipe] = {
    "lora": Recipe(
        LoraTuning,
        TrainSettings(learning_rate=1e-3),
        "Trains small low-rank additions to the encoder; saves a small file.",
        "Hu et al. 2021, arXiv 2106.09685",
    ),
    "full": Recipe(FullTuning, TrainSettings(), "Trains the whole encoder: most accurate, large."),
    "bitfit": Recipe(
        BiasTuning,
        TrainSettings(learning_rate=1e-3),
        "Trains only the biases and layer norms of the encoder.",
        "Ben Zaken et al. 2022, arXiv 2106.10199",
    ),
    "head": Recipe(
        None, TrainSettings(epochs=30), "Trains one vector a class; no encoder weight.", refit=False
    ),
    "contrastive": Recipe(
        FullTuning,
        TrainSettings(),
        "Trains the encoder to bring texts of one class together.",
        "Khosla et al. 2020, arXiv 2004.11362",
        contrast=True,
    ),
}
