"""Methods that tune the encoder: LoRA, full tuning, BitFit, supervised contrast, or the head alone.

Each trains a private copy of what changes and shares the rest with the encoder, which stays as it
is. The head is the cosine to one vector a class, started at the class means of the frozen vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fsl_nlp.decision import softmax
from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.errors import DataError, ModelError, OptionError
from fsl_nlp.heads.base import State, pack
from fsl_nlp.heads.linear import LinearHead
from fsl_nlp.methods.base import Method, Tensors, take_options
from fsl_nlp.methods.propagation import fit_with_unlabelled
from fsl_nlp.methods.reading import evidence, has_pairs, nothing_said
from fsl_nlp.methods.tuned_classifier import (
    CENTRE,
    COSINE,
    HEAD,
    LINEAR,
    LINEAR_TEMPERATURE,
    TunedClassifier,
)
from fsl_nlp.runtime.candidates import refuse_candidates
from fsl_nlp.training.adaptation import (
    Adaptation,
    BiasTuning,
    FullTuning,
    LoraTuning,
)
from fsl_nlp.training.copies import put_tensors, to_tensor
from fsl_nlp.training.reading import TunedEncoder
from fsl_nlp.training.settings import TrainSettings
from fsl_nlp.training.trainer import OnStep, seeded
from fsl_nlp.training.tuning import Lesson, class_means
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


@dataclass(frozen=True)
class TunedSettings:
    """`label_names`, `descriptions`: the words of a label's name, its description, are one more
    example of it each.
    `centre`: vectors are seen from the mean of the classes. (Those of some encoders, such as e5,
    all point much the same way.)
    `refit`: a logistic regression on the tuned vectors has half a say in the answer. (It has all
    of it where unlabelled texts were learned from.)
    `temperature`: divides the scores; None is `TEMPERATURE`.
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

# What makes beliefs of the cosines to class means.
MEANS_TEMPERATURE = 0.05
# What then makes them calibrated. Cross-fitting would train several times over, so it is a number:
# that of the least log loss on BANKING77's validation file (docs/tuning.md has the others').
TEMPERATURE = 1.2


@dataclass(frozen=True)
class TunedMethod(Method):
    """`on_step` is called after each step of training with its number, loss and rate."""

    takes_unlabelled: ClassVar[bool] = True

    name: str
    encoder: TextEncoder
    adaptation: Adaptation | None
    train: TrainSettings
    settings: TunedSettings = TunedSettings()
    seed: int = 0
    contrast: bool = False
    on_step: OnStep | None = None

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> TunedMethod:
        recipe = RECIPES[name]
        kinds = [TrainSettings, TunedSettings]
        kinds += [recipe.adaptation] if recipe.adaptation else []
        train, own, *rest = take_options(name, options, *kinds)
        adaptation = recipe.adaptation(**rest[0]) if recipe.adaptation else None
        return cls(
            name,
            encoder,
            adaptation,
            replace(recipe.train, **train),
            TunedSettings(**{"refit": recipe.refit, **own}),
            seed,
            recipe.contrast,
        )

    def fit(self, support: Dataset) -> TunedClassifier:
        others, support = support.unlabelled, support.labelled
        examples, classes = self._lessons(support)
        reader, parameters = self._copy()
        if self.settings.centre:
            reader = _centred(reader, examples, classes, len(support.labels))
        lesson = Lesson(
            reader,
            list(parameters.values()),
            examples,
            classes,
            len(support.labels),
            self.adaptation.freeze_layers if self.adaptation else 0,
        )
        head = lesson.learn(
            self.train, contrast=self.contrast, seed=self.seed, on_step=self.on_step
        )
        state = {COSINE: head}
        if reader.centre is not None:
            state[CENTRE] = reader.centre
        if self.settings.refit:
            state |= _refit(reader.read(examples), classes, len(support.labels))
        learned = TunedClassifier(
            support.labels,
            reader,
            self.adaptation,
            tuple(parameters),
            state,
            loss_temperature=MEANS_TEMPERATURE if self.contrast else self.train.loss_temperature,
            temperature=self.settings.temperature or TEMPERATURE,
        )
        return self._spread(learned, examples, classes, others) if others else learned

    def _spread(
        self,
        learned: TunedClassifier,
        examples: Sequence[Example],
        classes: Sequence[int],
        others: Sequence[Example],
    ) -> TunedClassifier:
        """Answers by a logistic regression on the tuned vectors of unlabelled examples, too."""
        rows, more = learned.embed(examples), learned.embed(others)
        beliefs = softmax(learned.scores_of(more))
        fitted, temperature = fit_with_unlabelled(
            LinearHead(), rows, classes, more, beliefs, LINEAR_TEMPERATURE * TEMPERATURE
        )
        kept = {name: learned.head[name] for name in (CENTRE,) if name in learned.head}
        return replace(
            learned,
            head=kept | _linear(fitted),
            temperature=self.settings.temperature or temperature / LINEAR_TEMPERATURE,
        )

    def distil(
        self, support: Dataset, texts: Sequence[Example], beliefs: NDArray[np.float32]
    ) -> TunedClassifier:
        """Learn the support's labels, and of other texts what is believed of them, [n, N]."""
        index = {label: i for i, label in enumerate(support.labels)}
        classes = [index[label] for label in support.known_targets]
        known = np.eye(len(index), dtype=np.float32)[classes]
        everything = np.concatenate([known, beliefs])
        examples = [*support.examples, *texts]
        reader, parameters = self._copy()
        if self.settings.centre:
            reader = _centred(reader, support.examples, classes, len(index))
        lesson = Lesson(
            reader,
            list(parameters.values()),
            examples,
            everything.argmax(1).tolist(),
            len(index),
            self.adaptation.freeze_layers if self.adaptation else 0,
            torch.from_numpy(everything),
        )
        head = lesson.learn(self.train, contrast=False, seed=self.seed, on_step=self.on_step)
        centre = {} if reader.centre is None else {CENTRE: reader.centre}
        return TunedClassifier(
            support.labels,
            reader,
            self.adaptation,
            tuple(parameters),
            {COSINE: head, **centre},
            loss_temperature=self.train.loss_temperature,
            temperature=self.settings.temperature or TEMPERATURE,
        )

    def _lessons(self, support: Dataset) -> tuple[list[Example], list[int]]:
        """Examples, what is known of labels among them, and their classes."""
        refuse_candidates(support.examples)
        for example in support.examples:
            _check_readable(example, self.name)
        index = {label: i for i, label in enumerate(support.labels)}
        examples = list(support.examples)
        classes = [index[label] for label in support.known_targets]
        settings = self.settings
        for label, i in index.items():
            known = evidence(
                label, support, names=settings.label_names, descriptions=settings.descriptions
            )
            examples += [Example(text, label) for text in known]
            classes += [i] * len(known)
        present = set(classes)
        if lacking := [label for label, i in index.items() if i not in present]:
            raise nothing_said(lacking, pairs=has_pairs(examples))
        return examples, classes

    def _copy(self) -> tuple[TunedEncoder, dict[str, nn.Parameter]]:
        if self.adaptation is None:
            return TunedEncoder(self.encoder, self.encoder.module), {}
        if self.encoder.pooling.custom:
            raise ModelError(
                f"{self.encoder.name} has modules of its own after the transformer, and cannot be "
                "tuned. Use method='head', or a model that pools and normalises and no more."
            )
        with seeded(self.seed, self.encoder.device):
            module, parameters = self.adaptation.apply(self.encoder.module, self.encoder.name)
        return TunedEncoder(self.encoder, module), parameters

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> TunedClassifier:
        # As it was then, should a default be another now.
        adaptation = self.adaptation and type(self.adaptation)(**settings["adaptation"])
        reader, _ = replace(self, adaptation=adaptation)._copy()
        found = {name: to_tensor(array) for name, array in tensors.items()}
        state = {name: found.pop(name) for name in HEAD if name in found}
        reader = replace(reader, centre=state.get(CENTRE))
        if self.adaptation is not None:
            put_tensors(reader.module, found)
            in_precision(reader.module.eval(), self.encoder.precision)
        restored = TunedClassifier(
            labels,
            reader,
            adaptation,
            tuple(found),
            state,
            loss_temperature=float(settings["loss_temperature"]),
            temperature=float(settings["temperature"]),
        )
        return restored.read_by_graph()


def _centred(
    reader: TunedEncoder, examples: Sequence[Example], classes: Sequence[int], count: int
) -> TunedEncoder:
    """The reader that sees vectors from the mean of the classes, as they are before tuning."""
    frozen = TunedEncoder(reader.encoder, reader.encoder.module).read(examples)
    return replace(reader, centre=class_means(frozen, classes, count).mean(0))


def _refit(vectors: Matrix, classes: Sequence[int], count: int) -> State:
    return _linear(LinearHead().fit(*pack(vectors, classes, count)[:2]))


def _linear(fitted: State) -> State:
    return dict(zip(LINEAR, (fitted["weight"][0], fitted["bias"][0]), strict=True))


def _check_readable(example: Example, method: str) -> None:
    if example.head is not None or example.tail is not None:
        raise DataError(
            f"method {method!r} reads sentences, and this example marks mentions in one: "
            f"{example.text[:40]!r}. Use 'linear' or 'proto'."
        )
