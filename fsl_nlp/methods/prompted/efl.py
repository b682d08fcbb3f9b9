"""`efl`: entailment as few-shot learner (Wang et al. 2021, arXiv 2104.14690).

Each label becomes a statement, and the model says whether the text entails it. A model that was
trained on inference has its own head: its configuration names an entailment label. Another model
gets a new head, which learns from the support only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.inputs.kinds import KINDS, PAIR, common_kinds
from fsl_nlp.inputs.support import EXAMPLES, NAMES
from fsl_nlp.methods.base import Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.prompted.efl_classifier import EflClassifier
from fsl_nlp.methods.prompted.efl_net import has_inference_head, load_net
from fsl_nlp.methods.prompted.prompt import PromptSpec, spec_of
from fsl_nlp.methods.prompted.settings import (
    DEFAULT_TUNE,
    EFL_TEMPERATURE,
    EflSettings,
    PromptSettings,
    PromptTraining,
    TuneSettings,
)
from fsl_nlp.prompts.template import Template
from fsl_nlp.scripts import are_chinese
from fsl_nlp.seeding import seeded
from fsl_nlp.training.adaptation import Adaptation, FullTuning, LoraTuning
from fsl_nlp.training.batches import by_length
from fsl_nlp.training.copies import private_copy, put_tensors, thaw, to_tensor
from fsl_nlp.training.trainer import OnStep, Trainer
from fsl_nlp.training.tuned_encoder import TunedEncoder
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


_HEAD_RATE = 1e-3


@dataclass(frozen=True)
class EflMethod(Method):
    """A model that says whether a text entails the statement of each label.

    `on_step` is called after each step of training with its number, loss and rate.
    """

    name: str
    encoder: TextEncoder
    adaptation: Adaptation | None
    train: PromptTraining
    settings: EflSettings = field(default_factory=EflSettings)
    seed: int = 0
    on_step: OnStep | None = None

    # All kinds: a statement says where each text of an example goes.
    input_kinds: ClassVar[tuple[str, ...]] = KINDS
    # Label names are the words of the statements.
    learning_sources: ClassVar[tuple[str, ...]] = (EXAMPLES, NAMES)
    refused_options: ClassVar[tuple[str, ...]] = ("adapet",)
    combines_kinds: ClassVar[bool] = True
    takes_template: ClassVar[bool] = True
    template_option: ClassVar[str] = "statement"

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """One card: answers are slow, too, as each label is a pair of texts."""
        return MethodCard(
            "prompted",
            "Asks whether a text entails each label in words; good with an inference model.",
            "minutes on a CPU; answers are slower, too",
            "an encoder; better, an inference model (NLI)",
            paper="Wang et al. 2021, arXiv 2104.14690",
        )

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        """As a prompt, with another learning rate of the head."""
        train = PromptTraining(head_learning_rate=_HEAD_RATE)
        return (EflSettings(), TuneSettings(), train, LoraTuning(), FullTuning())

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> EflMethod:
        """Options of training, of `EflSettings` and of what is tuned."""
        mode = TuneSettings(options.pop("tune", DEFAULT_TUNE[name])).mode
        if "adapet" in options:
            raise OptionError("adapet: method 'efl' has no words to predict. Use 'prompt'.")
        adaptation = mode.adaptation
        classes = [PromptTraining, EflSettings, *([adaptation] if adaptation else [])]
        train, settings, *adaptation_options = take_options(name, options, *classes)
        defaults = PromptTraining(learning_rate=mode.learning_rate, head_learning_rate=_HEAD_RATE)
        return cls(
            name,
            encoder,
            adaptation(**adaptation_options[0]) if adaptation else None,
            replace(defaults, **train),
            EflSettings(**settings),
            seed,
        )

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        """One, of all statements together."""
        return (self,)

    def learn(self, support: Dataset) -> EflClassifier:
        """Learn from the correct statement of each example and from some wrong ones."""
        settings = self.settings
        words = PromptSettings(blank=settings.blank, words=settings.words)
        statement = settings.statement or default_statement(support.examples)
        spec = spec_of(words, support, statement)
        if not support.examples and not has_inference_head(self.encoder):
            raise DataError(
                f"method {self.name!r} learns from examples, and there are none. Give some."
            )
        if spec.words is not None:
            Template(statement, statement=True)  # refuses a wrong one before the long work
        started = self.start(spec)
        if support.examples and started.tuned:
            self._learn(started, support)
        fixed = settings.temperature
        return started.calibrated(
            Calibration(fixed, 0, "option") if fixed else Calibration(EFL_TEMPERATURE, 0, "default")
        )

    def start(self, spec: PromptSpec) -> EflClassifier:
        """The classifier as it is before training."""
        base = load_net(self.encoder, self.seed)
        net: nn.Module = private_copy(base)
        names: dict[str, nn.Parameter] = {}
        if self.adaptation is not None:
            with seeded(self.seed):
                net, names = self.adaptation.apply(net, self.encoder.name)
        head = [n for n, _ in net.named_parameters() if n.startswith("head.") and n not in names]
        names |= thaw(net, head)
        return EflClassifier(
            spec.labels, self.encoder, spec, net, self.adaptation, tuple(names), self.settings
        )

    def _learn(self, started: EflClassifier, support: Dataset) -> None:
        rng = np.random.default_rng(self.seed)
        index = {label: i for i, label in enumerate(started.labels)}
        pairs, entailed = [], []
        for example, label in zip(support, support.known_targets, strict=True):
            correct, statements = index[label], started.statements(example)
            wrong = [i for i in range(len(statements)) if i != correct]
            count = min(self.settings.negatives, len(wrong))
            for i in [correct, *rng.choice(wrong, count, replace=False).tolist()]:
                pairs.append(statements[i])
                entailed.append(float(i == correct))
        targets = torch.tensor(entailed, device=self.encoder.device)
        # The correct statement of an example weighs as much as its wrong ones together.
        weight = (1 - targets).sum() / targets.sum()
        reader = TunedEncoder(self.encoder, started.net)
        tokens = reader.tokens(pairs)
        lengths = [len(row) for row in tokens.ids]

        def loss(rows: list[int]) -> Tensor:
            scores = started.net(reader.features(tokens, rows)).float()
            return F.binary_cross_entropy_with_logits(scores, targets[rows], pos_weight=weight)

        parameters = dict(started.net.named_parameters())
        head = [parameters[n] for n in started.tuned if n.startswith("head.")]
        body = [parameters[n] for n in started.tuned if not n.startswith("head.")]
        groups = [(body, self.train.learning_rate), (head, self.train.head_learning_rate)]
        with seeded(self.seed):
            started.net.train()
            Trainer(
                groups,
                self.train.steps(),
                self.encoder.device,
                self.on_step,
                self.encoder.autocast,
            ).run(tokens.ids, lambda: by_length(lengths, self.train.batch_size, rng), loss)
        in_precision(started.net.eval().requires_grad_(False), self.encoder.precision)

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> EflClassifier:
        """The classifier that `EflClassifier.state` gave."""
        adaptation = self.adaptation and type(self.adaptation)(**settings["adaptation"])
        spec = PromptSpec.from_settings(labels, settings)
        started = replace(self, adaptation=adaptation).start(spec)
        put_tensors(started.net, {name: to_tensor(array) for name, array in tensors.items()})
        in_precision(started.net.eval().requires_grad_(False), self.encoder.precision)
        # Classifiers were once saved without it, and then it is the option or 1.
        temperature = settings.get("temperature", self.settings.temperature)
        return replace(
            started,
            settings=replace(self.settings, temperature=temperature),
            calibration=Calibration.from_dict(settings.get("calibration")),
        )


def default_statement(examples: Sequence[Example]) -> str:
    """The default statement: Chinese for Chinese texts, and otherwise English.

    >>> default_statement([Example("where is my parcel")])
    'This is about [MASK].'
    """
    chinese = are_chinese([example.text for example in examples])
    if PAIR in common_kinds(examples):
        return "[MASK]，{text_b}" if chinese else "[MASK], {text_b}"
    return "这是关于[MASK]的。" if chinese else "This is about [MASK]."
