"""`pet`: pattern-exploiting training (Schick and Schütze 2021, arXiv 2001.07676).

Several patterns, each tuned from several seeds, together label the unlabelled texts softly, and
one classifier learns from these labels. With generations it is iPET: in between, each model is
trained again on what the others labelled, more of it each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fsl_nlp.encoders.catalogue import auto_model
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.heads import head_names
from fsl_nlp.heads.options import check_options, options_of
from fsl_nlp.inputs.kinds import KINDS, PAIR, TEXT, common_kinds
from fsl_nlp.inputs.support import EXAMPLES, NAMES, UNLABELLED
from fsl_nlp.methods.base import (
    Classifier,
    Method,
    MethodCard,
    Tensors,
    rename_old_options,
    take_options,
)
from fsl_nlp.methods.combined.ensemble import (
    Ensemble,
    log_probabilities,
    member_states,
    weighted_mean,
)
from fsl_nlp.methods.combined.reference import check_same_encoder, read_member
from fsl_nlp.methods.frozen.classifier import FrozenClassifier
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.methods.prompted.cards import PROMPT_CARDS
from fsl_nlp.methods.prompted.classifier import PromptClassifier
from fsl_nlp.methods.prompted.method import PromptMethod
from fsl_nlp.methods.prompted.pet_settings import PetSettings
from fsl_nlp.methods.prompted.prompt import PromptSpec
from fsl_nlp.methods.prompted.training import PromptTuningRun
from fsl_nlp.methods.tuned.classifier import TunedClassifier
from fsl_nlp.methods.tuned.method import TunedMethod
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

# Of the final classifier, which has many more texts than the prompts had.
_STUDENT_EPOCHS = 3


@dataclass(frozen=True)
class PetMethod(Method):
    """`prompt` is what each model is but for its pattern and its seed."""

    name: str
    encoder: TextEncoder
    prompt: PromptMethod
    settings: PetSettings = field(default_factory=PetSettings)
    seed: int = 0

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
    def takes(cls, name: str) -> tuple[str, ...]:
        """All kinds, as its prompts do."""
        return KINDS

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        """Label names are the words at the mask; unlabelled texts get soft labels."""
        return (EXAMPLES, NAMES, UNLABELLED)

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        return (PetSettings(), *PromptMethod.default_settings("prompt"))

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> PetMethod:
        """Options of `PetSettings`, and of `prompt` for each model."""
        if "template" in options:
            raise OptionError("template: method 'pet' takes several, templates=[...].")
        names = PetSettings.__dataclass_fields__
        options = rename_old_options(options, names)
        infos = (i for settings in cls.default_settings(name) for i in options_of(settings))
        check_options(f"method {name!r}", options, infos)
        own = {n: options.pop(n) for n in names if n in options}
        (known,) = take_options(name, own, PetSettings)
        prompt = PromptMethod.build("prompt", encoder, seed, options)
        return cls(name, encoder, prompt, PetSettings(**known), seed)

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        count = len(self.settings.patterns(support.examples)) * self.settings.seeds
        return (self.prompt,) * (count * (1 + self.settings.generations))

    def learn(self, support: Dataset) -> PetClassifier:
        known = support.labelled
        if not known.examples:
            raise DataError("method 'pet' learns from examples and there are none.")
        others = _some(support.unlabelled, self.settings.unlabelled, self.seed)
        members = [
            replace(
                self.prompt,
                settings=replace(self.prompt.settings, **pattern),
                seed=self.seed + number,
            )
            for pattern in self.settings.patterns(known.examples)
            for number in range(self.settings.seeds)
        ]
        taught = bool(others) and self.settings.distil
        # It is made before anything trains for minutes.
        student = self._student(auto_model(known.texts)) if taught and self._reads(known) else None
        own: Classifier | None = None
        if isinstance(student, FrozenMethod):  # others would train for minutes
            own = student.fit(replace(known, examples=(*known.examples, *others)))
        weights = self._weights(members, known)
        models = [member.learn(known) for member in members]
        for generation in range(1, self.settings.generations + 1):
            if not others:
                raise DataError("generations: there are no unlabelled texts to grow from.")
            models = self._next(members, models, weights, known, others, generation)
        if not taught:
            return PetClassifier(models[0].labels, tuple(models), tuple(weights))
        found = weighted_mean([log_probabilities(model, others) for model in models], weights)
        final: Classifier
        if student is None:
            best = members[int(np.argmax(weights))]
            final = self._distil(best, models[0].spec, self._softened(found), known, others)
        else:
            if own is not None:
                found = weighted_mean([found, log_probabilities(own, others)], [1.0, 1.0])
            final = student.distil(known, others, self._softened(found).numpy())
        return PetClassifier(final.labels, (final,), (1.0,))

    def _reads(self, known: Dataset) -> bool:
        """Whether the final classifier is one of whole texts."""
        kinds = common_kinds(known.examples)
        return kinds == (TEXT,) or (kinds == (PAIR,) and self.settings.student is not None)

    def _student(self, usual: str) -> FrozenMethod | TunedMethod:
        """With the encoder that was given for it, else with the usual one."""
        from fsl_nlp.encoders import load_encoder
        from fsl_nlp.methods import TUNED, build_method

        name, given = read_member(self.settings.student or "linear", "student") or ("", "")
        if name not in (*head_names(), *TUNED):
            raise OptionError(
                f"student={self.settings.student!r}: write METHOD or METHOD@ENCODER, with "
                "'linear', 'proto' or a tuned method."
            )
        encoder = load_encoder(given or usual, device=str(self.encoder.device))
        options = {"epochs": _STUDENT_EPOCHS} if name in TUNED else {}
        student = build_method(name, encoder, seed=self.seed, options=options)
        assert isinstance(student, FrozenMethod | TunedMethod)
        if isinstance(student, FrozenMethod):
            student.check(Dataset((), ()))
        return student

    def _softened(self, found: Tensor) -> Tensor:
        """[n, N]: the soft labels, from log-beliefs."""
        return (found / self.settings.distillation_temperature).softmax(-1)

    def _weights(self, members: Sequence[PromptMethod], known: Dataset) -> list[float]:
        if self.settings.weighting == "uniform":
            return [1.0] * len(members)
        accuracy: dict[str, float] = {}  # a pattern's seeds are alike before training
        for member in members:
            key = repr(member.settings)
            if key not in accuracy:
                untrained = replace(member, name="zero-shot", adaptation=None)
                settings = replace(member.settings, verbalizer="words")
                accuracy[key] = _accuracy(replace(untrained, settings=settings).learn(known), known)
        found = [accuracy[repr(member.settings)] for member in members]
        # Where all patterns know nothing, none is better than another.
        return found if any(found) else [1.0] * len(found)

    def _next(
        self,
        members: Sequence[PromptMethod],
        models: Sequence[PromptClassifier],
        weights: Sequence[float],
        known: Dataset,
        others: Sequence[Example],
        generation: int,
    ) -> list[PromptClassifier]:
        """Each model anew, on the support and on what some of the others are sure of."""
        beliefs = [log_probabilities(model, others) for model in models]
        rng = np.random.default_rng([self.seed, generation])
        grown = []
        for number, member in enumerate(members):
            rest = [i for i in range(len(models)) if i != number] or [number]
            size = max(1, round(self.settings.share * len(rest)))
            teachers = rng.choice(rest, size, replace=False).tolist()
            together = weighted_mean([beliefs[i] for i in teachers], [weights[i] for i in teachers])
            times = self.settings.growth**generation - 1
            added = _most_certain(known, others, together.softmax(-1).numpy(), times, rng)
            grown.append(member.learn(replace(known, examples=(*known.examples, *added))))
        return grown

    def _distil(
        self,
        member: PromptMethod,
        spec: PromptSpec,
        beliefs: Tensor,
        known: Dataset,
        others: Sequence[Example],
    ) -> PromptClassifier:
        """A prompt that says what all say."""
        verbalizer: Literal["words", "soft"] = "words" if spec.words is None else "soft"
        settings = replace(member.settings, verbalizer=verbalizer)
        started = replace(member, settings=settings).start(
            replace(spec, template=member.settings.template or spec.template)
        )
        parameters = dict(started.prompt.cloze.net.named_parameters())
        tuned = {name: parameters[name] for name in started.tuned}
        vectors = nn.Parameter(started.vectors.clone()) if started.vectors is not None else None
        index = {label: i for i, label in enumerate(started.labels)}
        sure = torch.eye(len(index))[[index[label] for label in known.known_targets]]
        examples = [*known.examples, *others]
        wanted = torch.cat([sure, beliefs])
        run = PromptTuningRun(
            started.prompt, tuned, vectors, examples, wanted.argmax(1).tolist(), wanted
        )
        run.tune(replace(member.train, adapet=False), seed=self.seed, on_step=member.on_step)
        return replace(started, vectors=vectors.detach() if vectors is not None else None)

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> PetClassifier:
        models = tuple(
            self._restore_one(labels, mine, own) for mine, own in member_states(tensors, settings)
        )
        return PetClassifier(tuple(labels), models, tuple(settings["weights"]))

    def _restore_one(
        self, labels: tuple[Label, ...], tensors: Tensors, own: Mapping[str, Any]
    ) -> Classifier:
        if "student" in own:
            student = self._student(own["student"]["encoder"])
            check_same_encoder(student.encoder, own["student"]["fingerprint"])
            return student.restore(labels, tensors, own)
        settings = replace(self.prompt.settings, verbalizer=own["verbalizer"])
        return replace(self.prompt, settings=settings).restore(labels, tensors, own)


@dataclass(frozen=True)
class PetClassifier(Ensemble):
    """All models with their weights; or, once distilled, the one that learned from them."""

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        tensors, settings = super().state()
        for model, about in zip(self.models, settings["models"], strict=True):
            if isinstance(model, PromptClassifier):
                about["verbalizer"] = model.settings.verbalizer
            elif isinstance(model, FrozenClassifier | TunedClassifier):
                encoder = model.reader.encoder
                about["student"] = {"encoder": encoder.name, "fingerprint": encoder.fingerprint}
        return tensors, settings


def _accuracy(model: PromptClassifier, data: Dataset) -> float:
    best = model.scores(data.examples).argmax(1)
    hits = [model.labels[i] == t for i, t in zip(best, data.targets, strict=True)]
    return float(np.mean(hits))


def _some(examples: list[Example], count: int, seed: int) -> list[Example]:
    if len(examples) <= count:
        return examples
    chosen = np.random.default_rng(seed).choice(len(examples), count, replace=False)
    return [examples[i] for i in sorted(chosen.tolist())]


def _most_certain(
    known: Dataset,
    others: Sequence[Example],
    beliefs: NDArray[np.float32],
    times: int,
    rng: np.random.Generator,
) -> list[Example]:
    """`times` the support's examples of each label, drawn by how sure the label is."""
    best = beliefs.argmax(1)
    counts = {label: known.targets.count(label) for label in known.labels}
    added = []
    for place, label in enumerate(known.labels):
        rows = np.flatnonzero(best == place)
        size = min(len(rows), counts[label] * times)
        if size:
            odds = beliefs[rows, place].astype(np.float64)
            drawn = rng.choice(rows, size, replace=False, p=odds / odds.sum())
            added += [replace(others[i], label=label) for i in drawn.tolist()]
    return added
