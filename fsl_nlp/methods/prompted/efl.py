"""`efl`: entailment as few-shot learner (Wang et al. 2021, arXiv 2104.14690).

Each label is put in words, and the model says whether the text entails it. A model that was
trained on inference (its configuration names an entailment label) brings its own head; any other
gets one that learns from the support alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fsl_nlp.encoders.catalogue import locate
from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.encoders.loading import LOCAL_ONLY, quiet_transformers
from fsl_nlp.encoders.pooling import pool
from fsl_nlp.errors import DataError, ModelError, OptionError
from fsl_nlp.heads.options import option, require_above, require_count
from fsl_nlp.inputs.kinds import Inputs
from fsl_nlp.methods.base import Classifier, Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.prompted.method import TUNE, TuneSettings
from fsl_nlp.methods.prompted.prompt import PromptSettings, Shape, example_of, shape_of
from fsl_nlp.methods.prompted.training import PromptTraining
from fsl_nlp.prompts.rendering import field_value
from fsl_nlp.prompts.template import FieldPart, MaskPart, Template, Words
from fsl_nlp.training.adaptation import Adaptation, FullTuning, LoraTuning, trained_tensors
from fsl_nlp.training.batches import by_length
from fsl_nlp.training.copies import private_copy, put_tensors, thaw, to_array, to_tensor
from fsl_nlp.training.trainer import OnStep, Trainer, seeded
from fsl_nlp.training.tuned_encoder import TunedEncoder
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

_RATES = {"none": 1e-3, "lora": 1e-3, "full": 5e-5, "bias": 1e-3}
_HEAD_RATE = 1e-3


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
    temperature: float = option(1.0, "divides the scores")

    def __post_init__(self) -> None:
        require_count("negatives", self.negatives)
        require_above("temperature", self.temperature, 0)


class EntailmentNet(nn.Module):
    """A transformer and what turns a pair of texts into one score."""

    def __init__(self, base: nn.Module, head: nn.Module, pooling: Any) -> None:
        super().__init__()
        self.base = base
        self.head = head  # D -> 1
        self.pooling = pooling

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """[B]: log-odds that the first text entails the second."""
        states = self.base(**features).last_hidden_state
        vectors = pool(states, features["attention_mask"], self.pooling)
        # Unit vectors are small for a head; the factor makes its inputs about 1 each.
        return self.head(vectors * vectors.shape[1] ** 0.5)[:, 0]


class InferenceNet(nn.Module):
    """A model with a head for natural language inference."""

    def __init__(self, model: nn.Module, entailment: int) -> None:
        super().__init__()
        self.model = model
        self.entailment = entailment

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """[B]: log p(entailment) - log p(anything else)."""
        beliefs = self.model(**features).logits.float().log_softmax(-1)
        own = beliefs[:, self.entailment]
        return own - torch.log1p(-own.exp().clamp(max=1 - 1e-6))


@dataclass(frozen=True)
class EflMethod(Method):
    refused_options: ClassVar[tuple[str, ...]] = ("adapet",)

    name: str
    encoder: TextEncoder
    adaptation: Adaptation | None
    train: PromptTraining
    settings: EflSettings = EflSettings()
    seed: int = 0
    on_step: OnStep | None = None

    takes_template: ClassVar[bool] = True
    template_option: ClassVar[str] = "statement"

    @classmethod
    def card(cls, name: str) -> MethodCard:
        return MethodCard(
            "prompted",
            "Asks whether a text entails each label in words; good with an inference model.",
            "minutes on a CPU; answers are slower, too",
            paper="Wang et al. 2021, arXiv 2104.14690",
        )

    @classmethod
    def takes(cls, name: str) -> tuple[str, ...]:
        return ("text", "pair", "mentions", "candidates")

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        return ("examples", "label names")

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        train = PromptTraining(head_learning_rate=_HEAD_RATE)
        return (EflSettings(), TuneSettings(), train, LoraTuning(), FullTuning())

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> EflMethod:
        tune = TuneSettings(options.pop("tune", "lora")).tune
        if "adapet" in options:
            raise OptionError("adapet: method 'efl' has no words to predict. Use 'prompt'.")
        kind = TUNE[tune]
        kinds = [PromptTraining, EflSettings, *([kind] if kind else [])]
        train, own, *rest = take_options(name, options, *kinds)
        return cls(
            name,
            encoder,
            kind(**rest[0]) if kind else None,
            replace(
                PromptTraining(learning_rate=_RATES[tune], head_learning_rate=_HEAD_RATE), **train
            ),
            EflSettings(**own),
            seed,
        )

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        return (self,)

    def learn(self, support: Dataset) -> EflClassifier:
        settings = self.settings
        words = PromptSettings(blank=settings.blank, words=settings.words)
        statement = settings.statement or default_statement(support.examples)
        shape = shape_of(words, support, statement)
        if not support.examples and not has_inference_head(self.encoder):
            raise DataError(f"method {self.name!r} learns from examples and there are none.")
        if shape.words is not None:
            Template(statement, statement=True)  # checks it before the long work
        started = self.start(shape)
        if support.examples and started.tuned:
            self._learn(started, support)
        return started

    def start(self, shape: Shape) -> EflClassifier:
        base = load_net(self.encoder, self.seed)
        own: nn.Module = private_copy(base)
        names: dict[str, nn.Parameter] = {}
        if self.adaptation is not None:
            with seeded(self.seed, self.encoder.device):
                own, names = self.adaptation.apply(own, self.encoder.name)
        head = [n for n, _ in own.named_parameters() if n.startswith("head.") and n not in names]
        names |= thaw(own, head)
        return EflClassifier(
            shape.labels, self.encoder, shape, own, self.adaptation, tuple(names), self.settings
        )

    def _learn(self, started: EflClassifier, support: Dataset) -> None:
        rng = np.random.default_rng(self.seed)
        index = {label: i for i, label in enumerate(started.labels)}
        pairs, targets = [], []
        for example, label in zip(support, support.known_targets, strict=True):
            own, statements = index[label], started.statements(example)
            others = [i for i in range(len(statements)) if i != own]
            count = min(self.settings.negatives, len(others))
            for i in [own, *rng.choice(others, count, replace=False).tolist()]:
                pairs.append(statements[i])
                targets.append(float(i == own))
        wanted = torch.tensor(targets, device=self.encoder.device)
        # The one right statement weighs as much as the wrong ones together.
        weight = (1 - wanted).sum() / wanted.sum()
        reader = TunedEncoder(self.encoder, started.net)
        tokens = reader.tokens(pairs)
        lengths = [len(row) for row in tokens.ids]

        def loss(rows: list[int]) -> Tensor:
            found = started.net(reader.features(tokens, rows)).float()
            return F.binary_cross_entropy_with_logits(found, wanted[rows], pos_weight=weight)

        parameters = dict(started.net.named_parameters())
        head = [parameters[n] for n in started.tuned if n.startswith("head.")]
        rest = [parameters[n] for n in started.tuned if not n.startswith("head.")]
        groups = [(rest, self.train.learning_rate), (head, self.train.head_learning_rate)]
        with seeded(self.seed, self.encoder.device):
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
        adaptation = self.adaptation and type(self.adaptation)(**settings["adaptation"])
        shape = Shape.from_settings(labels, settings)
        started = replace(self, adaptation=adaptation).start(shape)
        put_tensors(started.net, {name: to_tensor(array) for name, array in tensors.items()})
        in_precision(started.net.eval().requires_grad_(False), self.encoder.precision)
        return started


@dataclass(frozen=True)
class EflClassifier(Classifier):
    labels: tuple[Label, ...]
    encoder: TextEncoder
    shape: Shape
    net: nn.Module
    adaptation: Adaptation | None
    tuned: tuple[str, ...]
    settings: EflSettings

    @property
    def inputs(self) -> Inputs:
        """What its statements take."""
        return self.shape.inputs

    def example_of(self, text: str) -> Example:
        """An example that says `text`, with the other fields of its inputs."""
        return example_of(text, self.shape)

    def statements(self, example: Example) -> list[Example]:
        """The example's text with what each label says of it."""
        blank, words = self.shape.blank, self.shape.words
        if words is None:
            if blank is None:
                raise OptionError("blank: say where in the text the candidates belong.")
            return [
                Example(example.text.replace(blank, candidate), text_b=candidate)
                for candidate in example.candidates
            ]
        template = Template(self.shape.template, statement=True)
        return [Example(example.text, text_b=_say(template, example, found[0])) for found in words]

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        if not examples:
            return np.zeros((0, len(self.labels)), np.float32)
        pairs = [pair for example in examples for pair in self.statements(example)]
        reader = TunedEncoder(self.encoder, self.net)
        tokens = reader.tokens(pairs)
        found = self.encoder.run(
            tokens.ids, lambda _, rows: self.net(reader.features(tokens, rows)).float()[:, None]
        )
        scores = F.logsigmoid(torch.from_numpy(found.reshape(len(examples), -1)))
        result: NDArray[np.float32] = (scores / self.settings.temperature).numpy()
        return result

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """As the encoder itself reads their first texts."""
        return self.encoder.encode([example.text for example in examples])

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        tuned = trained_tensors(self.net, load_net(self.encoder, 0), self.tuned)
        settings: dict[str, Any] = {
            **self.shape.to_settings(),
        }
        if self.adaptation:
            settings["adaptation"] = asdict(self.adaptation)
        return {name: to_array(tensor) for name, tensor in tuned.items()}, settings


def default_statement(examples: Sequence[Example]) -> str:
    """By script."""
    text = "".join(example.text for example in examples[:100])
    chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
    pair = any(example.text_b is not None for example in examples)
    if pair:
        return "[MASK]，{text_b}" if chinese else "[MASK], {text_b}"
    return "这是关于[MASK]的。" if chinese else "This is about [MASK]."


def _say(template: Template, example: Example, word: str) -> str:
    parts = []
    for part in template.parts:
        if isinstance(part, Words):
            parts.append(part.text)
        elif isinstance(part, FieldPart):
            parts.append(field_value(example, part.name))
        elif isinstance(part, MaskPart):
            parts.append(word)
    return "".join(parts)


def has_inference_head(encoder: TextEncoder) -> bool:
    return _entailment(encoder) is not None


def _entailment(encoder: TextEncoder) -> int | None:
    """The place of the label that says so, in the model's configuration."""
    config: Any = encoder.module.config
    for place, name in (config.id2label or {}).items():
        if str(name).lower().startswith("entail"):
            return int(place)
    return None


def load_net(encoder: TextEncoder, seed: int) -> nn.Module:
    """The model before training, on the encoder's own weights."""
    if encoder.pooling.custom:
        raise ModelError(f"{encoder.name} has modules of its own and cannot read pairs.")
    entailment = _entailment(encoder)
    if entailment is None:
        head = nn.Linear(encoder.dimensions, 1, device=encoder.device)
        with torch.no_grad():
            head.weight.normal_(
                0, 0.02, generator=torch.Generator(encoder.device).manual_seed(seed)
            )
            head.bias.zero_()
        net = EntailmentNet(encoder.module, head, encoder.pooling)
        return net.requires_grad_(False)
    from transformers import AutoModelForSequenceClassification

    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(
            locate(encoder.name), use_safetensors=True, **LOCAL_ONLY
        ).to(encoder.device, torch.float32)
    setattr(model, model.base_model_prefix, encoder.module)
    return InferenceNet(model.eval().requires_grad_(False), entailment)
