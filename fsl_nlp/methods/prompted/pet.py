"""`pet`: pattern-exploiting training (Schick and Schütze 2021, arXiv 2001.07676).

Several patterns are tuned, each with several seeds. Together they give the unlabelled texts soft
labels, and one classifier learns from these. With generations it is iPET: each model is trained
again on pseudo-labels of the other models, with more texts in each generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.decision.probabilities import mean_log_probabilities, softmax
from fsl_nlp.encoders.choice import auto_model
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.heads import head_names
from fsl_nlp.heads.options import check_options, options_of
from fsl_nlp.inputs.kinds import KINDS, PAIR, TEXT, common_kinds
from fsl_nlp.inputs.support import EXAMPLES, NAMES, UNLABELLED
from fsl_nlp.methods.base import Classifier, Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.combined.ensemble import (
    Ensemble,
    member_states,
)
from fsl_nlp.methods.combined.reference import check_same_encoder, read_member
from fsl_nlp.methods.frozen.classifier import FrozenClassifier
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.methods.old_options import rename_old_options
from fsl_nlp.methods.prompted.cards import PROMPT_CARDS
from fsl_nlp.methods.prompted.classifier import PromptClassifier
from fsl_nlp.methods.prompted.method import PromptMethod
from fsl_nlp.methods.prompted.pet_settings import PetSettings
from fsl_nlp.methods.prompted.prompt import PromptSpec
from fsl_nlp.methods.tuned.classifier import TunedClassifier
from fsl_nlp.methods.tuned.method import TunedMethod
from fsl_nlp.splits import draw_examples
from fsl_nlp.training.interrupts import ending_early
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

# The final classifier has many more texts than the prompts, so fewer epochs are enough.
_STUDENT_EPOCHS = 3


@dataclass(frozen=True)
class PetMethod(Method):
    """Several prompts that label texts for one final classifier.

    Each model is `prompt` with its own pattern and seed.
    """

    name: str
    encoder: TextEncoder
    prompt: PromptMethod
    settings: PetSettings = field(default_factory=PetSettings)
    seed: int = 0

    # All kinds, as its prompts do.
    input_kinds: ClassVar[tuple[str, ...]] = KINDS
    # Label names are the words at the mask; unlabelled texts get soft labels.
    learning_sources: ClassVar[tuple[str, ...]] = (EXAMPLES, NAMES, UNLABELLED)
    combines_kinds: ClassVar[bool] = True
    default_unlabelled: ClassVar[int] = 2000
    takes_template: ClassVar[bool] = True
    template_option: ClassVar[str] = "templates"
    needs_masked_model: ClassVar[bool] = True
    refused_options: ClassVar[tuple[str, ...]] = ("template",)

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """What `fsl-nlp methods` shows."""
        return PROMPT_CARDS[name]

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        """`PetSettings` and those of `prompt`."""
        return (PetSettings(), *PromptMethod.default_settings("prompt"))

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> PetMethod:
        """Options of `PetSettings`, and of `prompt` for each model."""
        if "template" in options:
            raise OptionError(
                "template: method 'pet' takes a list of templates. Write templates=[...]."
            )
        names = PetSettings.__dataclass_fields__
        options = rename_old_options(options, names)
        infos = (info for kind in cls.default_settings(name) for info in options_of(kind))
        check_options(f"method {name!r}", options, infos)
        pet_options = {n: options.pop(n) for n in names if n in options}
        (settings,) = take_options(name, pet_options, PetSettings)
        prompt = PromptMethod.build("prompt", encoder, seed, options)
        # The members teach with their scores as they are.
        temperature = prompt.settings.temperature or 1.0
        prompt = replace(prompt, settings=replace(prompt.settings, temperature=temperature))
        return cls(name, encoder, prompt, PetSettings(**settings), seed)

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        """One for each pattern, seed and generation."""
        count = len(self.settings.patterns(support.examples)) * self.settings.seeds
        return (self.prompt,) * (count * (1 + self.settings.generations))

    @ending_early(False)  # one pattern is trained, too, before the final classifier
    def learn(self, support: Dataset) -> PetClassifier:
        """Tune each pattern, label the unlabelled texts, and train the final classifier."""
        labelled = support.labelled
        if not labelled.examples:
            raise DataError("method 'pet' learns from examples, and there are none. Give some.")
        unlabelled = draw_examples(support.unlabelled, self.settings.unlabelled, self.seed)
        members = [
            replace(
                self.prompt,
                settings=replace(self.prompt.settings, **pattern),
                seed=self.seed + number,
            )
            for pattern in self.settings.patterns(labelled.examples)
            for number in range(self.settings.seeds)
        ]
        distils = bool(unlabelled) and self.settings.distil
        # A wrong student is refused before anything trains for minutes.
        student = (
            self._student(auto_model(labelled.texts))
            if distils and self._takes_student(labelled)
            else None
        )
        frozen: Classifier | None = None
        if isinstance(student, FrozenMethod):  # a tuned one would train for minutes
            frozen = student.fit(replace(labelled, examples=(*labelled.examples, *unlabelled)))
        weights = self._weights(members, labelled)
        models = [member.learn(labelled) for member in members]
        for generation in range(1, self.settings.generations + 1):
            if not unlabelled:
                raise DataError("generations: iPET needs unlabelled texts, and there are none.")
            models = self._next_generation(
                members, models, weights, labelled, unlabelled, generation
            )
        if not distils:
            return PetClassifier(models[0].labels, tuple(models), tuple(weights))
        log_means = mean_log_probabilities([m.scores(unlabelled) for m in models], weights)
        final: Classifier
        if student is None:
            best = members[int(np.argmax(weights))]
            final = self._distil(
                best, models[0].spec, self._soft_labels(log_means), labelled, unlabelled
            )
        else:
            if frozen is not None:
                log_means = mean_log_probabilities([log_means, frozen.scores(unlabelled)], [1, 1])
            final = student.distil(labelled, unlabelled, self._soft_labels(log_means))
        return PetClassifier(final.labels, (final,), (1.0,))

    def _takes_student(self, labelled: Dataset) -> bool:
        """Whether the final classifier is a student, which reads whole texts, and not a prompt."""
        kinds = common_kinds(labelled.examples)
        return kinds == (TEXT,) or (kinds == (PAIR,) and self.settings.student is not None)

    def _student(self, default_encoder: str) -> FrozenMethod | TunedMethod:
        """The unfitted student; `default_encoder` is for a student that names none."""
        from fsl_nlp.encoders import load_encoder
        from fsl_nlp.methods import TUNED, build_method

        name, encoder_name = read_member(self.settings.student or "linear", "student") or ("", "")
        if name not in (*head_names(), *TUNED):
            raise OptionError(
                f"student={self.settings.student!r}: write METHOD or METHOD@ENCODER, with "
                "'linear', 'proto' or a tuned method."
            )
        encoder = load_encoder(encoder_name or default_encoder, device=str(self.encoder.device))
        options = {"epochs": _STUDENT_EPOCHS} if name in TUNED else {}
        student = build_method(name, encoder, seed=self.seed, options=options)
        assert isinstance(student, FrozenMethod | TunedMethod)
        if isinstance(student, FrozenMethod):
            student.check(Dataset((), ()))
        return student

    def _soft_labels(self, log_means: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, N]: log-probabilities as soft labels."""
        return softmax(log_means / self.settings.distillation_temperature).astype(np.float32)

    def _weights(self, members: Sequence[PromptMethod], labelled: Dataset) -> list[float]:
        if self.settings.weighting == "uniform":
            return [1.0] * len(members)
        accuracy: dict[str, float] = {}  # the seeds of a pattern are equal before training
        for member in members:
            key = repr(member.settings)
            if key not in accuracy:
                untrained = replace(member, name="zero-shot", adaptation=None)
                settings = replace(member.settings, verbalizer="words")
                untrained = replace(untrained, settings=settings)
                accuracy[key] = untrained.learn(labelled).accuracy(labelled)
        weights = [accuracy[repr(member.settings)] for member in members]
        # All weights 0 would give no answer, so all patterns count the same.
        return weights if any(weights) else [1.0] * len(weights)

    def _next_generation(
        self,
        members: Sequence[PromptMethod],
        models: Sequence[PromptClassifier],
        weights: Sequence[float],
        labelled: Dataset,
        unlabelled: Sequence[Example],
        generation: int,
    ) -> list[PromptClassifier]:
        """Each model trained again, with more texts that some other models labelled."""
        member_scores = [model.scores(unlabelled) for model in models]
        rng = np.random.default_rng([self.seed, generation])
        retrained = []
        for number, member in enumerate(members):
            other_models = [i for i in range(len(models)) if i != number] or [number]
            size = max(1, round(self.settings.share * len(other_models)))
            teachers = rng.choice(other_models, size, replace=False).tolist()
            mean_scores = mean_log_probabilities(
                [member_scores[i] for i in teachers], [weights[i] for i in teachers]
            )
            times = self.settings.growth**generation - 1
            added = _draw_pseudo_labelled(labelled, unlabelled, softmax(mean_scores), times, rng)
            retrained.append(member.learn(replace(labelled, examples=(*labelled.examples, *added))))
        return retrained

    def _distil(
        self,
        member: PromptMethod,
        spec: PromptSpec,
        soft_labels: NDArray[np.float32],
        labelled: Dataset,
        unlabelled: Sequence[Example],
    ) -> PromptClassifier:
        """One prompt that learns the soft labels of all models."""
        verbalizer: Literal["words", "soft"] = "words" if spec.words is None else "soft"
        settings = replace(member.settings, verbalizer=verbalizer)
        started = replace(member, settings=settings).start(
            replace(spec, template=member.settings.template or spec.template)
        )
        index = {label: i for i, label in enumerate(started.labels)}
        one_hot = np.eye(len(index))[[index[label] for label in labelled.known_targets]]
        targets = torch.from_numpy(np.concatenate([one_hot, soft_labels]).astype(np.float32))
        teacher = replace(member, train=replace(member.train, adapet=False), seed=self.seed)
        examples = [*labelled.examples, *unlabelled]
        trained = teacher.tune(started, examples, targets.argmax(1).tolist(), targets)
        return trained.calibrated(Calibration(trained.temperature, 0, "default"))

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> PetClassifier:
        """The classifier that `PetClassifier.state` gave."""
        models = tuple(
            self._restore_one(labels, *state) for state in member_states(tensors, settings)
        )
        return PetClassifier(tuple(labels), models, tuple(settings["weights"]))

    def _restore_one(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> Classifier:
        if "student" in settings:
            student = self._student(settings["student"]["encoder"])
            check_same_encoder(student.encoder, settings["student"]["fingerprint"])
            return student.restore(labels, tensors, settings)
        prompt = replace(self.prompt.settings, verbalizer=settings["verbalizer"])
        return replace(self.prompt, settings=prompt).restore(labels, tensors, settings)


@dataclass(frozen=True)
class PetClassifier(Ensemble):
    """All models with their weights; after distillation, the one final classifier."""

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """The states of the models, with what restores the kind of each."""
        tensors, settings = super().state()
        for model, model_settings in zip(self.models, settings["models"], strict=True):
            if isinstance(model, PromptClassifier):
                model_settings["verbalizer"] = model.settings.verbalizer
            elif isinstance(model, FrozenClassifier | TunedClassifier):
                encoder = model.reader.encoder
                model_settings["student"] = {
                    "encoder": encoder.name,
                    "fingerprint": encoder.fingerprint,
                }
        return tensors, settings


def _draw_pseudo_labelled(
    labelled: Dataset,
    unlabelled: Sequence[Example],
    probabilities: NDArray[np.floating[Any]],
    times: int,
    rng: np.random.Generator,
) -> list[Example]:
    """Unlabelled examples with their most probable label.

    For each label, `times` as many are drawn as there are labelled examples. The weight of an
    example is the probability of the label.
    """
    best = probabilities.argmax(1)
    counts = {label: labelled.targets.count(label) for label in labelled.labels}
    added = []
    for index, label in enumerate(labelled.labels):
        rows = np.flatnonzero(best == index)
        size = min(len(rows), counts[label] * times)
        if size:
            odds = probabilities[rows, index].astype(np.float64)
            drawn = rng.choice(rows, size, replace=False, p=odds / odds.sum())
            added += [replace(unlabelled[i], label=label) for i in drawn.tolist()]
    return added
