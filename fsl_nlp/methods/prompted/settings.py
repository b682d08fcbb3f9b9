"""Options of the methods with prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import option, require_above, require_choice, require_count
from fsl_nlp.prompts.template import Template, check_blank
from fsl_nlp.training.adaptation import Adaptation, BiasTuning, FullTuning, LoraTuning
from fsl_nlp.training.settings import TrainSettings


@dataclass(frozen=True)
class TuneMode:
    """What trains besides soft tokens and label vectors, and its default learning rate."""

    adaptation: type[Adaptation] | None
    learning_rate: float


# The word vectors never train, so a saved full tuning holds only the layers.
TUNE_MODES = {
    "none": TuneMode(None, 1e-3),
    "lora": TuneMode(LoraTuning, 1e-3),
    "full": TuneMode(FullTuning, 5e-5),
    "bias": TuneMode(BiasTuning, 1e-3),
}
DEFAULT_TUNE = {"zero-shot": "none", "prompt": "lora", "p-tuning": "lora", "efl": "lora"}


@dataclass(frozen=True)
class TuneSettings:
    """Which parameters of the model train."""

    tune: str = option("lora", "what trains of the model besides new vectors", choices=TUNE_MODES)

    def __post_init__(self) -> None:
        require_choice("tune", self.tune, list(TUNE_MODES))

    @property
    def mode(self) -> TuneMode:
        """The adaptation and the learning rate of this choice."""
        return TUNE_MODES[self.tune]


# The usual temperature of a trained prompt.
TRAINED_TEMPERATURE = 1.0
# That of `efl`.
EFL_TEMPERATURE = 1.0

VERBALIZERS = ("words", "soft", "prototype", "search")
CALIBRATIONS = ("none", "contextual", "texts")


@dataclass(frozen=True)
class PromptSettings:
    """Options of every prompt.

    The verbalizers: "soft" is a trained vector a label that begins as its words (WARP,
    Hambardzumyan et al. 2021, arXiv 2101.00121); "prototype", the mean of the mask's states of a
    label's examples (ProtoVerb, Cui et al. 2022, arXiv 2203.09770, without its training);
    "search", words found in the vocabulary (PETAL, Schick et al. 2020, arXiv 2010.13641).
    Calibration takes away what a label's words score anyway: "contextual" on inputs without
    content (Zhao et al. 2021, arXiv 2102.09690), "texts" on the support and unlabelled texts.
    """

    template: str | None = option(
        None, "text with {text} and [MASK]; None is one for the language of the texts"
    )
    blank: str | None = option(None, "marks in a text where a candidate belongs, as #idiom#")
    words: Mapping[str, Any] | None = option(
        None, "{label: word or words}; None takes those of the data, else the label names"
    )
    verbalizer: Literal["words", "soft", "prototype", "search"] = option(
        "words", "what stands for a label at the mask"
    )
    searched: int = option(3, "words for each label that verbalizer=search takes")
    calibration: Literal["none", "contextual", "texts"] = option(
        "none", "subtract what the words of a label score on texts without content, or on all"
    )
    temperature: float | None = option(
        None, "divides the scores; None learns it where nothing was trained, or is a usual one"
    )

    def __post_init__(self) -> None:
        require_choice("verbalizer", self.verbalizer, VERBALIZERS)
        require_choice("calibration", self.calibration, CALIBRATIONS)
        if self.temperature is not None:
            require_above("temperature", self.temperature, 0)
        require_count("searched", self.searched)
        if self.template is not None:
            Template(self.template, self.blank)  # its mistakes show before any work is done
        if self.words is not None and not isinstance(self.words, Mapping):
            raise OptionError(f'words={self.words!r}: write {{"label": "word", ...}}.')


@dataclass(frozen=True)
class PromptTraining:
    """Options of every tuned prompt: those of `TrainSettings` that a cloze uses."""

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
        """The settings of the trainer.

        >>> PromptTraining(epochs=3).steps().epochs
        3
        """
        return TrainSettings(
            **{k: v for k, v in asdict(self).items() if k not in ("adapet", "balance")}
        )


@dataclass(frozen=True)
class EflSettings:
    """Options of `efl` besides those of its training."""

    statement: str | None = option(
        None, "a label in words, with [MASK] for its word; None is one for the language"
    )
    blank: str | None = option(None, "marks in a text where a candidate belongs, as #idiom#")
    words: Mapping[str, Any] | None = option(
        None, "{label: word or words}; None takes those of the data, else the label names"
    )
    negatives: int = option(7, "wrong labels that are learned with each example")
    temperature: float | None = option(None, "divides the scores; None is a usual one")

    def __post_init__(self) -> None:
        check_blank(self.blank, "a candidate")
        require_count("negatives", self.negatives)
        if self.temperature is not None:
            require_above("temperature", self.temperature, 0)
