"""Methods that tune the encoder: LoRA, full tuning, BitFit, supervised contrast, or only the head.

Each trains a private copy of the parameters that change; the encoder itself stays as it is. The
head is the cosine to one vector per class, which begins as the class mean of the frozen vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fsl_nlp.decision.calibration import Calibration, How
from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.errors import ModelError
from fsl_nlp.heads.base import pack
from fsl_nlp.heads.linear import LinearHead
from fsl_nlp.heads.proto import ProtoHead
from fsl_nlp.inputs.kinds import PAIR, TEXT, Inputs, common_kinds
from fsl_nlp.inputs.label_texts import all_label_texts, check_covered
from fsl_nlp.inputs.support import DESCRIPTIONS, EXAMPLES, NAMES, UNLABELLED, WEIGHTS
from fsl_nlp.methods.base import Classifier, Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.frozen.temperature import temperature_ratio
from fsl_nlp.methods.tuned.classifier import (
    CENTRE,
    COSINE,
    HEAD,
    LINEAR_TEMPERATURE,
    TunedClassifier,
    linear_tensors,
)
from fsl_nlp.methods.tuned.settings import MEANS_TEMPERATURE, RECIPES, TEMPERATURE, TunedSettings
from fsl_nlp.methods.weights import TrainingWeights, Vector
from fsl_nlp.seeding import seeded
from fsl_nlp.semisupervised.refit import learn_from_unlabelled
from fsl_nlp.training.adaptation import Adaptation
from fsl_nlp.training.copies import put_tensors, to_tensor
from fsl_nlp.training.settings import TrainSettings
from fsl_nlp.training.trainer import OnStep
from fsl_nlp.training.tuned_encoder import TunedEncoder
from fsl_nlp.training.tuning import TuningRun, class_means
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


@dataclass(frozen=True)
class TunedMethod(Method):
    """Tunes a private copy of the encoder.

    `on_step` is called after each step of training with its number, loss and rate.
    """

    name: str
    encoder: TextEncoder
    adaptation: Adaptation | None
    train: TrainSettings
    settings: TunedSettings = field(default_factory=TunedSettings)
    seed: int = 0
    contrast: bool = False
    on_step: OnStep | None = None

    # Texts and pairs; the two texts of a pair go in together.
    input_kinds: ClassVar[tuple[str, ...]] = (TEXT, PAIR)
    # All but source classes.
    learning_sources: ClassVar[tuple[str, ...]] = (
        EXAMPLES,
        NAMES,
        DESCRIPTIONS,
        UNLABELLED,
        WEIGHTS,
    )

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """What the recipe of that name trains."""
        cost = "minutes on a CPU" if RECIPES[name].adaptation else "seconds"
        return MethodCard("tuned", RECIPES[name].summary, cost, paper=RECIPES[name].paper)

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        """Those of training, `TunedSettings` and the adaptation."""
        recipe = RECIPES[name]
        adaptation = (recipe.adaptation(),) if recipe.adaptation else ()
        return (recipe.train, TunedSettings(refit=recipe.refit), *adaptation)

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> TunedMethod:
        """Options as in `default_settings`."""
        recipe = RECIPES[name]
        classes = map(type, cls.default_settings(name))
        train, settings, *adaptation_options = take_options(name, options, *classes)
        adaptation = recipe.adaptation(**adaptation_options[0]) if recipe.adaptation else None
        return cls(
            name,
            encoder,
            adaptation,
            replace(recipe.train, **train),
            TunedSettings(**{"refit": recipe.refit, **settings}),
            seed,
            recipe.contrast,
        )

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        """One; none where only the head trains."""
        return (self,) if self.adaptation else ()

    def calibrated_as(self, fitted: Classifier) -> TunedMethod:
        """The method with the temperature of the classifier."""
        assert isinstance(fitted, TunedClassifier)
        return replace(self, settings=replace(self.settings, temperature=fitted.temperature))

    def learn(self, support: Dataset) -> TunedClassifier:
        """Tune on labelled examples and label texts, then learn from the unlabelled examples."""
        labelled, unlabelled = support.labelled, support.unlabelled
        examples, classes = self._training_set(labelled)
        weights = TrainingWeights.of(labelled, classes, self.train.class_weight)
        totals = weights.total(classes)
        classifier = self._train(labelled, examples, classes, totals, contrast=self.contrast)
        if self.settings.refit:
            linear = self._linear(classifier.rows(examples), classes, labelled, totals)
            classifier = replace(classifier, head=classifier.head | linear)
        return self._learn_unlabelled(classifier, examples, classes, unlabelled, weights)

    def relearn(self, fitted: Classifier, support: Dataset) -> Classifier:
        """The tuned encoder as it is, with a logistic regression on its vectors as the only head.

        The cosine head is a part of the training.
        """
        if not isinstance(fitted, TunedClassifier) or not self.adaptation:
            return super().relearn(fitted, support)
        self.check(support)
        labelled, unlabelled = support.labelled, support.unlabelled
        examples, classes = self._training_set(labelled)
        weights = TrainingWeights.of(labelled, classes, self.train.class_weight)
        totals = weights.total(classes)
        head = {name: fitted.head[name] for name in (CENTRE,) if name in fitted.head}
        head |= self._linear(fitted.rows(examples), classes, labelled, totals)
        calibration = self._calibrate(labelled, self._frozen(examples), classes, totals)
        classifier = replace(
            fitted,
            labels=support.labels,
            head=head,
            temperature=calibration.temperature,
            calibration=calibration,
        )
        return self._learn_unlabelled(classifier, examples, classes, unlabelled, weights)

    def _linear(
        self, rows: Matrix, classes: Sequence[int], support: Dataset, weights: Vector
    ) -> dict[str, Tensor]:
        """The tensors of a logistic regression on rows [n, D] of these classes and weights [n]."""
        vectors, packed, _ = pack(rows, classes, len(support.labels), weights)
        return linear_tensors(self._linear_head.fit(vectors, packed))

    @property
    def _linear_head(self) -> LinearHead:
        return LinearHead(class_weight=self.train.class_weight)

    def _learn_unlabelled(
        self,
        classifier: TunedClassifier,
        examples: Sequence[Example],
        classes: Sequence[int],
        unlabelled: Sequence[Example],
        weights: TrainingWeights,
    ) -> TunedClassifier:
        if not unlabelled:
            return classifier
        fixed = self.settings.temperature
        return learn_from_unlabelled(
            classifier,
            self._linear_head,
            classifier.rows(examples),
            classes,
            unlabelled,
            weights=weights.rows,
            factors=weights.factors,
            default_temperature=LINEAR_TEMPERATURE * classifier.temperature,
            fixed_temperature=fixed and LINEAR_TEMPERATURE * fixed,
        )

    def distil(
        self, support: Dataset, texts: Sequence[Example], probabilities: NDArray[np.float32]
    ) -> TunedClassifier:
        """Learn from the labels of the support and from probabilities [n, N] of other texts."""
        one_hot = np.eye(len(support.labels), dtype=np.float32)[support.class_indices]
        targets = np.concatenate([one_hot, probabilities])
        classes = targets.argmax(1).tolist()
        weights = TrainingWeights.of(support, classes, self.train.class_weight)
        return self._train(
            support,
            [*support.examples, *texts],
            classes,
            weights.total(classes),
            soft_targets=torch.from_numpy(targets),
        )

    def _train(
        self,
        support: Dataset,
        examples: Sequence[Example],
        classes: Sequence[int],
        weights: Vector,
        *,
        contrast: bool = False,
        soft_targets: Tensor | None = None,
    ) -> TunedClassifier:
        """Tune on examples of these classes and weights [n]; soft targets are [n, N]."""
        encoder, parameters = self._copy()
        count = len(support) if soft_targets is not None else len(examples)
        frozen = self._frozen(examples[:count])
        if self.settings.centre:
            means = class_means(frozen, classes[:count], len(support.labels), weights[:count])
            encoder = replace(encoder, centre=means.mean(0))
        calibration = self._calibrate(support, frozen, classes[:count], weights[:count])
        run = TuningRun(
            encoder,
            list(parameters.values()),
            list(examples),
            list(classes),
            len(support.labels),
            weights,
            self.adaptation.freeze_layers if self.adaptation else 0,
            soft_targets,
        )
        cosine = run.tune(self.train, contrast=contrast, seed=self.seed, on_step=self.on_step)
        centre = {} if encoder.centre is None else {CENTRE: encoder.centre}
        return TunedClassifier(
            support.labels,
            encoder,
            self.adaptation,
            tuple(parameters),
            {COSINE: cosine, **centre},
            loss_temperature=MEANS_TEMPERATURE if contrast else self.train.loss_temperature,
            temperature=calibration.temperature,
            accepted=Inputs(common_kinds(support.examples)),
            calibration=calibration,
        )

    def _frozen(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]: the vectors of the encoder as it was before any tuning."""
        return TunedEncoder(self.encoder, self.encoder.module).vectors(examples)

    def _calibrate(
        self, support: Dataset, frozen: Matrix, classes: Sequence[int], weights: Vector
    ) -> Calibration:
        """The temperature, by frozen vectors [n, D] of the support and its label texts."""
        if self.settings.temperature:
            return Calibration(self.settings.temperature, 0, "option")
        vectors, packed, positions = pack(frozen, classes, len(support.labels), weights)
        ratio, held_out = temperature_ratio(
            ProtoHead(), vectors, packed, positions[: len(support)], self.seed
        )
        how: How = "frozen vectors" if held_out else "default"
        return Calibration(TEMPERATURE * ratio, held_out, how)

    def _training_set(self, support: Dataset) -> tuple[list[Example], list[int]]:
        """The examples with one more for each label text, and their classes."""
        examples, classes = list(support.examples), support.class_indices
        settings = self.settings
        texts, of_texts = all_label_texts(
            support, names=settings.label_names, descriptions=settings.descriptions
        )
        pairs = zip(texts, of_texts, strict=True)
        examples += [Example(text, support.labels[i]) for text, i in pairs]
        classes += of_texts
        check_covered(support, classes)
        return examples, classes

    def _copy(self) -> tuple[TunedEncoder, dict[str, nn.Parameter]]:
        """The encoder with a private copy of what trains, and the parameters that train."""
        if self.adaptation is None:
            return TunedEncoder(self.encoder, self.encoder.module), {}
        if self.encoder.pooling.custom:
            raise ModelError(
                f"{self.encoder.name} cannot be tuned: it has modules after the transformer. "
                "Use method='head', or a model that only pools and normalises."
            )
        with seeded(self.seed):
            module, parameters = self.adaptation.apply(self.encoder.module, self.encoder.name)
        return TunedEncoder(self.encoder, module), parameters

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> TunedClassifier:
        """The classifier that `TunedClassifier.state` gave."""
        # The saved settings count: a default may have changed since.
        adaptation = self.adaptation and type(self.adaptation)(**settings["adaptation"])
        encoder, _ = replace(self, adaptation=adaptation)._copy()
        trained = {name: to_tensor(array) for name, array in tensors.items()}
        head = {name: trained.pop(name) for name in HEAD if name in trained}
        encoder = replace(encoder, centre=head.get(CENTRE))
        if self.adaptation is not None:
            put_tensors(encoder.module, trained)
            in_precision(encoder.module.eval(), self.encoder.precision)
        restored = TunedClassifier(
            labels,
            encoder,
            adaptation,
            tuple(trained),
            head,
            loss_temperature=float(settings["loss_temperature"]),
            temperature=float(settings["temperature"]),
            accepted=Inputs.from_dict(settings["inputs"]),
            calibration=Calibration.from_dict(settings.get("calibration")),
        )
        return restored.read_by_graph()
