"""`zero-shot`, `prompt`, `p-tuning`: one prompt, as it is or tuned on the support set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from fsl_nlp.decision.calibration import Calibration, calibrate
from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.inputs.kinds import KINDS
from fsl_nlp.inputs.support import EXAMPLES, NAMES, UNLABELLED
from fsl_nlp.methods.base import Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.prompted.cards import PROMPT_CARDS
from fsl_nlp.methods.prompted.classifier import PRIOR, VECTORS, PromptClassifier
from fsl_nlp.methods.prompted.prompt import (
    Prompt,
    PromptSpec,
    add_soft_tokens_to,
    class_prototypes,
    default_templates,
    example_of,
    spec_of,
)
from fsl_nlp.methods.prompted.settings import (
    DEFAULT_TUNE,
    TRAINED_TEMPERATURE,
    PromptSettings,
    PromptTraining,
    TuneSettings,
)
from fsl_nlp.methods.prompted.training import PromptTuningRun
from fsl_nlp.prompts.masked_model import MaskedNet, load_masked_net
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.search import search_words
from fsl_nlp.prompts.soft import NAME as SOFT
from fsl_nlp.prompts.soft import add_soft_tokens
from fsl_nlp.prompts.template import Template
from fsl_nlp.seeding import seeded
from fsl_nlp.training.adaptation import (
    Adaptation,
    FullTuning,
    LoraTuning,
)
from fsl_nlp.training.copies import private_copy, put_tensors, thaw, to_tensor
from fsl_nlp.training.trainer import OnStep
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


# Texts without content, for calibration.
_NEUTRAL_TEXTS = ("。", "无", "N/A", "...")


@dataclass(frozen=True)
class PromptMethod(Method):
    """A masked language model that fills in label words, tuned or not.

    `on_step` is called after each step of training with its number, loss and rate.
    """

    name: str
    encoder: TextEncoder
    adaptation: Adaptation | None
    train: PromptTraining
    settings: PromptSettings
    seed: int = 0
    on_step: OnStep | None = None

    # All kinds: a template says where each text of an example goes.
    input_kinds: ClassVar[tuple[str, ...]] = KINDS
    combines_kinds: ClassVar[bool] = True
    takes_template: ClassVar[bool] = True
    needs_masked_model: ClassVar[bool] = True

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        """Label names are the words at the mask; unlabelled texts are for calibration."""
        return (*(() if name == "zero-shot" else (EXAMPLES,)), NAMES, UNLABELLED)

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """The card of each of the three names."""
        return PROMPT_CARDS[name]

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        """Those of the prompt and of its training; `zero-shot` has no tuning."""
        if name == "zero-shot":
            return (PromptSettings(), PromptTraining())
        tuned = (PromptTraining(), LoraTuning(), FullTuning())
        return (PromptSettings(), TuneSettings(DEFAULT_TUNE[name]), *tuned)

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> PromptMethod:
        """Options of training, of `PromptSettings` and of what is tuned."""
        tune = options.pop("tune", DEFAULT_TUNE[name])
        mode = TuneSettings(tune).mode
        if name == "zero-shot" and tune != "none":
            raise OptionError(f"tune={tune!r}: zero-shot trains nothing. Use method='prompt'.")
        adaptation = mode.adaptation
        classes = [PromptTraining, PromptSettings, *([adaptation] if adaptation else [])]
        train, settings, *adaptation_options = take_options(name, options, *classes)
        return cls(
            name,
            encoder,
            adaptation(**adaptation_options[0]) if adaptation else None,
            replace(PromptTraining(learning_rate=mode.learning_rate), **train),
            PromptSettings(**settings),
            seed,
        )

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        """One; none for `zero-shot`."""
        return () if self.name == "zero-shot" else (self,)

    def learn(self, support: Dataset) -> PromptClassifier:
        """Tune the prompt, if it has something to tune; then compute prototypes and prior.

        Unlabelled examples count for `calibration="texts"` only.
        """
        labelled, unlabelled = support.labelled.examples, support.unlabelled
        # Without examples, the label words have the script of the texts to come.
        shown = support.examples or [Example(f"{self.settings.words} {support.info}")]
        template = self.settings.template or default_templates(shown)[0]
        if self.name == "p-tuning":
            template = add_soft_tokens_to(template)
        spec = spec_of(self.settings, support, template)
        index = {label: i for i, label in enumerate(spec.labels)}
        classes = [index[example.label] for example in labelled if example.label is not None]
        if self.settings.verbalizer == "search":
            words = search_words(
                spec.build(self.encoder, load_masked_net(self.encoder)).cloze,
                labelled,
                classes,
                len(spec.labels),
                self.settings.searched,
            )
            spec = replace(spec, words=tuple(words))
        started = self.start(spec)
        trained = self.tune(started, labelled, classes)
        return self._finish(trained, labelled, classes, [*labelled, *unlabelled])

    def start(self, spec: PromptSpec) -> PromptClassifier:
        """The classifier as it is before training."""
        net, names = self._net(spec)
        prompt = spec.build(self.encoder, net)
        vectors = None
        if self.settings.verbalizer == "soft":
            vectors = _word_vectors(prompt)
        return PromptClassifier(
            spec.labels,
            self.encoder,
            spec,
            prompt,
            self.adaptation,
            tuple(names),
            self.settings,
            vectors,
        )

    def _net(self, spec: PromptSpec) -> tuple[MaskedNet, dict[str, nn.Parameter]]:
        """A private copy if something trains, else the model itself."""
        net = load_masked_net(self.encoder)
        template = Template(spec.template, spec.blank)
        names: dict[str, nn.Parameter] = {}
        if not template.soft and self.adaptation is None:
            return net, names
        copy: Any = net
        if template.soft:
            copy = private_copy(net)
            add_soft_tokens(copy, template.soft, Pieces(self.encoder), self.seed)
        if self.adaptation is not None:
            with seeded(self.seed):
                copy, names = self.adaptation.apply(copy, self.encoder.name)
        soft = [n for n, _ in copy.named_parameters() if n.endswith(f".{SOFT}") and n not in names]
        return copy, {**names, **thaw(copy, soft)}

    def tune(
        self,
        started: PromptClassifier,
        examples: Sequence[Example],
        classes: Sequence[int],
        soft_targets: Tensor | None = None,
    ) -> PromptClassifier:
        """Train what `start` made; soft targets [n, N] take the place of the classes."""
        parameters = dict(started.prompt.cloze.net.named_parameters())
        tuned = {name: parameters[name] for name in started.tuned}
        if not tuned and started.vectors is None:
            return started
        if not examples:
            raise DataError(
                f"method {self.name!r} learns from examples, and there are none. Use 'zero-shot'."
            )
        vectors = nn.Parameter(started.vectors.clone()) if started.vectors is not None else None
        run = PromptTuningRun(started.prompt, tuned, vectors, examples, classes, soft_targets)
        run.tune(self.train, seed=self.seed, on_step=self.on_step)
        return replace(started, vectors=vectors.detach() if vectors is not None else None)

    def _finish(
        self,
        trained: PromptClassifier,
        examples: Sequence[Example],
        classes: Sequence[int],
        texts: Sequence[Example],
    ) -> PromptClassifier:
        if self.settings.verbalizer == "prototype":
            if lacking := set(range(len(trained.labels))) - set(classes):
                names = [trained.labels[i] for i in sorted(lacking)]
                raise DataError(f"These labels have no example, so no prototype: {names}.")
            states = torch.from_numpy(trained.embed(examples))
            prototypes = class_prototypes(states, classes, len(trained.labels))
            trained = replace(trained, vectors=prototypes.to(self.encoder.device))
        if self.settings.calibration == "none" or trained.spec.words is None:
            return self._calibrate(trained, examples, classes)
        neutral_texts = _NEUTRAL_TEXTS if self.settings.calibration == "contextual" else ()
        inputs = [example_of(text, trained.spec) for text in neutral_texts] or list(texts)
        mean_probabilities = torch.from_numpy(trained.scores(inputs)).softmax(-1).mean(0)
        trained = replace(trained, prior=mean_probabilities.clamp(min=1e-6).log())
        return self._calibrate(trained, examples, classes)

    def _calibrate(
        self, trained: PromptClassifier, examples: Sequence[Example], classes: Sequence[int]
    ) -> PromptClassifier:
        """The classifier with its temperature: learned where nothing else was."""
        if self.settings.temperature:
            calibration = Calibration(self.settings.temperature, 0, "option")
        elif trained.tuned or self.settings.verbalizer != "words":
            calibration = Calibration(TRAINED_TEMPERATURE, 0, "default")
        else:  # the examples have trained nothing, so all of them are held out
            scores, targets = trained.scores(examples), np.array(classes, np.int64)
            calibration = calibrate(scores, targets, start=1.0, seed=self.seed)
        return trained.calibrated(calibration)

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> PromptClassifier:
        """The classifier that `PromptClassifier.state` gave."""
        # The saved settings count: a default may have changed since.
        adaptation = self.adaptation and type(self.adaptation)(**settings["adaptation"])
        spec = PromptSpec.from_settings(labels, settings)
        trained = {name: to_tensor(array) for name, array in tensors.items()}
        vectors, prior = trained.pop(VECTORS, None), trained.pop(PRIOR, None)
        started = replace(self, adaptation=adaptation).start(spec)
        net = started.prompt.cloze.net
        if trained:
            put_tensors(net, trained)
        if started.tuned:
            in_precision(net.eval().requires_grad_(False), self.encoder.precision)
        device_vectors = None if vectors is None else vectors.to(self.encoder.device)
        return replace(
            started,
            vectors=device_vectors,
            prior=prior,
            settings=replace(self.settings, temperature=float(settings["temperature"])),
            calibration=Calibration.from_dict(settings.get("calibration")),
        )


def _word_vectors(prompt: Prompt) -> Tensor:
    """[N, D]: the mean word vector of each label."""
    assert prompt.verbalizer is not None
    net = prompt.cloze.net
    rows = [
        net.words.weight[[piece for word in words for piece in word]].mean(0)
        for words in prompt.verbalizer.pieces(prompt.cloze.renderer)
    ]
    return torch.stack(rows).detach().float()
