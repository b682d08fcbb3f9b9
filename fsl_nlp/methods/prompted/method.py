"""`zero-shot`, `prompt`, `p-tuning`: one cloze, asked as it is or tuned on the support set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.heads.options import option, require_choice
from fsl_nlp.inputs.kinds import KINDS, Inputs
from fsl_nlp.inputs.support import EXAMPLES, NAMES, UNLABELLED
from fsl_nlp.methods.base import Classifier, Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.prompted.cards import PROMPT_CARDS
from fsl_nlp.methods.prompted.prompt import (
    PROTOTYPE_SHARPNESS,
    Prompt,
    PromptSettings,
    Shape,
    class_prototypes,
    default_templates,
    example_of,
    shape_of,
    soften,
)
from fsl_nlp.methods.prompted.training import PromptLesson, PromptTraining
from fsl_nlp.prompts.masked_model import MaskedNet, load_masked_net
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.search import search_words
from fsl_nlp.prompts.soft import NAME as SOFT
from fsl_nlp.prompts.soft import add_soft_tokens
from fsl_nlp.prompts.template import Template
from fsl_nlp.training.adaptation import (
    Adaptation,
    BiasTuning,
    FullTuning,
    LoraTuning,
    trained_tensors,
)
from fsl_nlp.training.copies import private_copy, put_tensors, thaw, to_array, to_tensor
from fsl_nlp.training.trainer import OnStep, seeded
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

# What may train besides soft tokens and label vectors. Not the words, so that what is saved of a
# full tuning is the layers.
TUNE: dict[str, type[Adaptation] | None] = {
    "none": None,
    "lora": LoraTuning,
    "full": FullTuning,
    "bias": BiasTuning,
}
_DEFAULTS = {"zero-shot": "none", "prompt": "lora", "p-tuning": "lora"}
# Each way of tuning has its own learning rate.
_RATES = {"none": 1e-3, "lora": 1e-3, "full": 5e-5, "bias": 1e-3}

# The names of tensors that are none of the model's.
_VECTORS = "label.vectors"  # [N, D]
_PRIOR = "label.prior"  # [N]
# Texts that say nothing, for calibration.
_NOTHING = ("。", "无", "N/A", "...")


@dataclass(frozen=True)
class TuneSettings:
    """Which parameters of the model train."""

    tune: str = option("lora", "what trains of the model besides new vectors", choices=TUNE)

    def __post_init__(self) -> None:
        require_choice("tune", self.tune, list(TUNE))


@dataclass(frozen=True)
class PromptMethod(Method):
    """`on_step` is called after each step of training with its number, loss and rate."""

    name: str
    encoder: TextEncoder
    adaptation: Adaptation | None
    train: PromptTraining
    settings: PromptSettings
    seed: int = 0
    on_step: OnStep | None = None

    combines_kinds: ClassVar[bool] = True
    takes_template: ClassVar[bool] = True
    needs_masked_model: ClassVar[bool] = True

    @classmethod
    def takes(cls, name: str) -> tuple[str, ...]:
        """All kinds: a template says where each text of an example stands."""
        return KINDS

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        """Label names are the words at the mask; unlabelled texts serve calibration alone."""
        return (*(() if name == "zero-shot" else (EXAMPLES,)), NAMES, UNLABELLED)

    @classmethod
    def card(cls, name: str) -> MethodCard:
        return PROMPT_CARDS[name]

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        if name == "zero-shot":
            return (PromptSettings(), PromptTraining())
        tuned = (PromptTraining(), LoraTuning(), FullTuning())
        return (PromptSettings(), TuneSettings(_DEFAULTS[name]), *tuned)

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> PromptMethod:
        """Options of training, of `PromptSettings` and of what is tuned."""
        tune = TuneSettings(options.pop("tune", _DEFAULTS[name])).tune
        if name == "zero-shot" and tune != "none":
            raise OptionError(f"tune={tune!r}: zero-shot trains nothing. Use method='prompt'.")
        kind = TUNE[tune]
        kinds = [PromptTraining, PromptSettings, *([kind] if kind else [])]
        train, own, *rest = take_options(name, options, *kinds)
        return cls(
            name,
            encoder,
            kind(**rest[0]) if kind else None,
            replace(PromptTraining(learning_rate=_RATES[tune]), **train),
            PromptSettings(**own),
            seed,
        )

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        return () if self.name == "zero-shot" else (self,)

    def learn(self, support: Dataset) -> PromptClassifier:
        """Unlabelled examples of the support only count for `calibration="texts"`."""
        labelled, others = support.labelled.examples, support.unlabelled
        template = self.settings.template or default_templates(support.examples)[0]
        if self.name == "p-tuning":
            template = soften(template)
        shape = shape_of(self.settings, support, template)
        index = {label: i for i, label in enumerate(shape.labels)}
        classes = [index[example.label] for example in labelled if example.label is not None]
        if self.settings.verbalizer == "search":
            found = search_words(
                shape.build(self.encoder, load_masked_net(self.encoder)).cloze,
                labelled,
                classes,
                len(shape.labels),
                self.settings.searched,
            )
            shape = replace(shape, words=tuple(found))
        started = self.start(shape)
        trained = self._learn(started, labelled, classes)
        return self._finish(trained, labelled, classes, [*labelled, *others])

    def start(self, shape: Shape) -> PromptClassifier:
        """The classifier as it is before training."""
        net, names = self._net(shape)
        prompt = shape.build(self.encoder, net)
        vectors = None
        if self.settings.verbalizer == "soft":
            vectors = _word_vectors(prompt)
        return PromptClassifier(
            shape.labels,
            self.encoder,
            shape,
            prompt,
            self.adaptation,
            tuple(names),
            self.settings,
            vectors,
        )

    def _net(self, shape: Shape) -> tuple[MaskedNet, dict[str, nn.Parameter]]:
        """A private copy where something trains; else the model itself."""
        net = load_masked_net(self.encoder)
        template = Template(shape.template, shape.blank)
        names: dict[str, nn.Parameter] = {}
        if not template.soft and self.adaptation is None:
            return net, names
        own: Any = net
        if template.soft:
            own = private_copy(net)
            add_soft_tokens(own, template.soft, Pieces(self.encoder), self.seed)
        if self.adaptation is not None:
            with seeded(self.seed, self.encoder.device):
                own, names = self.adaptation.apply(own, self.encoder.name)
        soft = [n for n, _ in own.named_parameters() if n.endswith(f".{SOFT}") and n not in names]
        return own, {**names, **thaw(own, soft)}

    def _learn(
        self, started: PromptClassifier, examples: Sequence[Example], classes: Sequence[int]
    ) -> PromptClassifier:
        parameters = dict(started.prompt.cloze.net.named_parameters())
        tuned = {name: parameters[name] for name in started.tuned}
        if not tuned and started.vectors is None:
            return started
        if not examples:
            raise DataError(
                f"method {self.name!r} learns from examples and there are none. Use 'zero-shot'."
            )
        vectors = nn.Parameter(started.vectors.clone()) if started.vectors is not None else None
        lesson = PromptLesson(started.prompt, tuned, vectors, examples, classes)
        lesson.learn(self.train, seed=self.seed, on_step=self.on_step)
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
                raise DataError(f"These labels have no example to make a prototype of: {names}.")
            states = torch.from_numpy(trained.embed(examples))
            found = class_prototypes(states, classes, len(trained.labels))
            trained = replace(trained, vectors=found.to(self.encoder.device))
        if self.settings.calibration == "none" or trained.shape.words is None:
            return trained
        said = _NOTHING if self.settings.calibration == "contextual" else ()
        asked = [example_of(text, trained.shape) for text in said] or list(texts)
        beliefs = torch.from_numpy(trained.scores(asked)).softmax(-1).mean(0)
        return replace(trained, prior=beliefs.clamp(min=1e-6).log())

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> PromptClassifier:
        # As it was then, should a default be another now.
        adaptation = self.adaptation and type(self.adaptation)(**settings["adaptation"])
        shape = Shape.from_settings(labels, settings)
        found = {name: to_tensor(array) for name, array in tensors.items()}
        vectors, prior = found.pop(_VECTORS, None), found.pop(_PRIOR, None)
        started = replace(self, adaptation=adaptation).start(shape)
        net = started.prompt.cloze.net
        if found:
            put_tensors(net, found)
        if started.tuned:
            in_precision(net.eval().requires_grad_(False), self.encoder.precision)
        moved = None if vectors is None else vectors.to(self.encoder.device)
        return replace(
            started,
            vectors=moved,
            prior=prior,
            settings=replace(self.settings, temperature=float(settings["temperature"])),
        )


@dataclass(frozen=True)
class PromptClassifier(Classifier):
    labels: tuple[Label, ...]
    encoder: TextEncoder
    shape: Shape
    prompt: Prompt
    adaptation: Adaptation | None
    tuned: tuple[str, ...]  # the names of the parameters that trained
    settings: PromptSettings
    vectors: Tensor | None = None  # [N, D]: soft words or prototypes
    prior: Tensor | None = None  # [N]: what is taken away from the scores

    @property
    def inputs(self) -> Inputs:
        """What its prompt takes."""
        return self.shape.inputs

    def example_of(self, text: str) -> Example:
        """An example that says `text`, with the other fields of its inputs."""
        return example_of(text, self.shape)

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        if not examples:
            return np.zeros((0, len(self.labels)), np.float32)
        found = torch.from_numpy(self._scores(examples))
        if self.prior is not None:
            found = found - self.prior
        result: NDArray[np.float32] = (found / self.settings.temperature).numpy()
        return result

    def _scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        if self.vectors is not None:
            states = torch.from_numpy(self.embed(examples))
            return vector_scores(states, self.vectors.cpu(), self.settings.verbalizer).numpy()
        found = self._run(examples)
        blank = self.shape.blank
        if self.shape.words is None and blank and self.settings.calibration == "contextual":
            # What a candidate scores anyway is its own, so each is asked without its text.
            found = found - self._run([replace(example, text=blank) for example in examples])
        return found

    def _run(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        questions = self.prompt.ask(examples)
        return self.encoder.run(
            questions.lengths, lambda _, rows: self.prompt.scores(questions, rows)
        )

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, D]: what the head makes of the mask."""
        if not examples:
            return np.zeros((0, self.prompt.cloze.net.words.embedding_dim), np.float32)
        questions = self.prompt.ask_mask(examples)
        return self.encoder.run(
            questions.lengths, lambda _, rows: self.prompt.states(questions, rows)
        )

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        net = self.prompt.cloze.net
        tuned = trained_tensors(net, load_masked_net(self.encoder), self.tuned)
        tensors = {name: to_array(tensor) for name, tensor in tuned.items()}
        for name, tensor in ((_VECTORS, self.vectors), (_PRIOR, self.prior)):
            if tensor is not None:
                tensors[name] = to_array(tensor)
        settings: dict[str, Any] = {
            **self.shape.to_settings(),
            "temperature": self.settings.temperature,
        }
        if self.adaptation:
            settings["adaptation"] = asdict(self.adaptation)
        return tensors, settings


def vector_scores(states: Tensor, vectors: Tensor, verbalizer: str) -> Tensor:
    """[B, N] of states [B, D] and a vector a label [N, D]."""
    if verbalizer == "soft":
        return states @ vectors.mT
    return F.normalize(states, dim=-1) @ vectors.mT / PROTOTYPE_SHARPNESS


def _word_vectors(prompt: Prompt) -> Tensor:
    """[N, D]: the rows of each label's words, averaged."""
    assert prompt.verbalizer is not None
    net = prompt.cloze.net
    rows = [
        net.words.weight[[piece for word in found for piece in word]].mean(0)
        for found in prompt.verbalizer.pieces(prompt.cloze.renderer)
    ]
    return torch.stack(rows).detach().float()
