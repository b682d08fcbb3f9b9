"""The contracts of a method and of the classifier that it fits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.errors import DataError, ModelError, OptionError, warn_once
from fsl_nlp.heads.options import check_options, options_of
from fsl_nlp.inputs.kinds import TEXT, Inputs
from fsl_nlp.inputs.support import (
    DESCRIPTIONS,
    EXAMPLES,
    NAMES,
    UNLABELLED,
    WEIGHTS,
    check_candidates,
    check_kinds,
)
from fsl_nlp.methods.old_options import rename_old_options
from fsl_nlp.methods.weights import is_weighted, with_weight
from fsl_nlp.torch_state import own_torch_state
from fsl_nlp.training.interrupts import ending_early
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from torch import Tensor

    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.encoders.graphs import GraphSource

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """A part of a classifier that answers without torch: a graph and a function of its vectors.

    `reads` says what the rows of `score` are:

    - "text": the encoder's vectors of texts
    - "pair": the encoder's vectors of two texts that go in together
    - "angle": the cosine and the sine between the vectors of two texts
    - "mentions": the centred parts of a sentence
    - "candidates": the closeness of each candidate, which is the score itself

    `score` maps rows [n, width] to scores [n, N] and to vectors [n, D] for the nearest examples.
    """

    reads: str
    graph: GraphSource
    width: int = 0
    score: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    tensors: Tensors = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0


class Classifier(ABC):
    """A fitted method. It never changes, so threads may share it."""

    labels: tuple[Label, ...]

    @property
    def inputs(self) -> Inputs:
        """The kinds of examples that it takes; the caller checks them with `inputs.check`."""
        return Inputs()

    @property
    def calibration(self) -> Calibration | None:
        """How its confidence was calibrated; None where an old saved classifier does not say."""
        return None

    @abstractmethod
    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, N]; the softmax of a row gives the calibrated probability of each label."""

    def predict(self, examples: Sequence[Example]) -> list[Label]:
        """The label with the highest score for each example."""
        return [self.labels[i] for i in self.scores(examples).argmax(1)]

    def accuracy(self, data: Dataset) -> float:
        """The share of the examples whose label is predicted."""
        pairs = zip(self.predict(data.examples), data.known_targets, strict=True)
        return sum(label == target for label, target in pairs) / len(data)

    @abstractmethod
    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, D], for finding the training examples nearest to a question."""

    def outputs(self, examples: Sequence[Example]) -> Outputs:
        """The scores and the vectors of the examples; each is read once where that is possible."""
        return Outputs(self.scores(examples), self.embed(examples))

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether each example is too long to be read whole."""
        return [False] * len(examples)

    def example_of(self, text: str) -> Example:
        """An example that it takes, made of one text."""
        return self.inputs.example_of(text)

    def runtime_parts(self) -> tuple[Part, ...]:
        """The parts that answer without torch; their answers are averaged."""
        raise ModelError(
            f"{type(self).__name__} cannot answer without torch. Frozen and tuned methods, such "
            "as 'linear' and 'lora', can."
        )

    @abstractmethod
    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """What `Method.restore` needs: arrays, and settings that JSON can hold."""


def note_truncated(fitted: Classifier, examples: tuple[Example, ...]) -> None:
    """Note the training texts that were too long to be read whole."""
    rows = [i for i, cut in enumerate(fitted.truncates(examples)) if cut]
    if rows:
        subject = "1 text is" if len(rows) == 1 else f"{len(rows)} texts are"
        warn_once(
            f"{subject} too long, so only a part was read. The first is texts[{rows[0]}]: "
            f"{examples[rows[0]].text[:40]!r}... Shorten it, or use an encoder that reads more."
        )


@dataclass(frozen=True)
class MethodCard:
    """What lists of methods show of one; `example` is a command that uses it."""

    family: str
    summary: str
    cost: str
    needs: str = ""
    paper: str = ""
    example: str = "fsl-nlp fit train.csv --method {name} --out my-bot"


class Method(ABC):
    """A way of learning from a few examples.

    A subclass says what it takes and what it learns from. It builds itself from options, learns,
    and restores a classifier from its saved state.
    """

    name: str
    encoder: TextEncoder
    # What the methods of the class take and learn from, where that does not depend on the name.
    input_kinds: ClassVar[tuple[str, ...]] = (TEXT,)
    learning_sources: ClassVar[tuple[str, ...]] = (EXAMPLES, NAMES, DESCRIPTIONS)
    # Whether an example may be of several kinds at once, such as a pair with marked mentions.
    combines_kinds: ClassVar[bool] = False
    # Options of its settings that it does not take.
    refused_options: ClassVar[tuple[str, ...]] = ()
    # How many unlabelled texts a benchmark gives it, unless the user names a number.
    default_unlabelled: ClassVar[int] = 0
    # Whether it uses a template, and the option that holds it.
    takes_template: ClassVar[bool] = False
    template_option: ClassVar[str] = "template"
    # Whether its encoder must be a masked language model.
    needs_masked_model: ClassVar[bool] = False

    @classmethod
    def takes(cls, name: str) -> tuple[str, ...]:
        """The kinds of examples (`fsl_nlp.inputs.kinds.KINDS`) that the method `name` takes."""
        return cls.input_kinds

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        """What the method `name` learns from: entries of `fsl_nlp.inputs.support.LEARNS_FROM`."""
        return cls.learning_sources

    @property
    def takes_unlabelled(self) -> bool:
        """Whether it learns from examples without a label."""
        return UNLABELLED in self.learns_from(self.name)

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """What `fsl-nlp methods` shows of the method of that name."""
        return MethodCard("other", (cls.__doc__ or "").partition("\n")[0], "")

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        """The settings that `build` takes options for, with their default values."""
        return ()

    @classmethod
    @abstractmethod
    def build(cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]) -> Method:
        """The constructor of every method; an option that it does not have is refused."""

    def prepare(self, source: Dataset, *, way: int, shot: int, query: int) -> Method:
        """The method after learning from source classes, for tasks of about this size.

        A method that learns nothing from source classes raises an OptionError.
        """
        raise OptionError(
            f"method {self.name!r} learns nothing from source classes; leave the source out."
        )

    def origin(self) -> dict[str, str]:
        """What it learned before `fit`, by name: a fingerprint or a sum for each."""
        return {}

    def calibrated_as(self, fitted: Classifier) -> Method:
        """The method with the temperature of a classifier that it fitted, if it learns one.

        Its next classifiers then have scores of the same scale, and are fitted faster.
        """
        return self

    def check_ready(self) -> None:  # noqa: B027
        """Refuse a method that must learn from source classes first and has not."""

    def check_inputs(self, examples: Sequence[Example]) -> None:
        """Refuse examples of a kind that it does not take, and name methods that do."""
        from fsl_nlp.methods import methods_that_take

        check_kinds(
            examples,
            self.name,
            self.takes(self.name),
            combines=self.combines_kinds,
            instead=methods_that_take,
        )

    def check(self, support: Dataset) -> None:
        """Refuse a support set that it cannot learn from, before any work."""
        self.check_inputs(support.examples)
        if support.unlabelled and not self.takes_unlabelled:
            raise DataError(
                f"method {self.name!r} learns nothing from unlabelled texts, such as "
                f"{support.unlabelled[0].text[:40]!r}. Leave them out (--unlabelled), or use "
                "linear, full or pet."
            )
        if is_weighted(support.examples) and WEIGHTS not in self.learns_from(self.name):
            from fsl_nlp.methods import methods_that_learn_from

            others = " or ".join(map(repr, methods_that_learn_from(WEIGHTS)))
            raise OptionError(
                f"sample_weight: method {self.name!r} does not use it. Leave it out, or use "
                f"{others}."
            )
        if support.examples and support.examples[0].candidates:
            check_candidates(support)
        self.check_ready()

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        """The methods with `on_step` that `fit` trains one after another; () where `fit` is quick.

        A few of their steps are measured before a long run.
        """
        return ()

    def fit(self, support: Dataset) -> Classifier:
        """Check the support set, and learn its labels."""
        with own_torch_state():
            support = with_weight(support)
            self.check(support)
            return self.learn(support)

    def fit_until_stopped(self, support: Dataset) -> Classifier:
        """As `fit`, but Ctrl-C ends the training early, if it is the only one."""
        with ending_early(len(self.trainings(support)) == 1):
            return self.fit(support)

    @abstractmethod
    def learn(self, support: Dataset) -> Classifier:
        """Learn the labels of a checked support set."""

    def relearn(self, fitted: Classifier, support: Dataset) -> Classifier:
        """What it fitted, after a change of the support set: fitted again, if that is quick.

        A method with `trainings` may fit again what stands on top of them; it gives the same
        classifier for every `fitted` of the same training.
        """
        if self.trainings(support):
            raise OptionError(
                f"method {self.name!r} trains for long, so an edit can only rename its labels. Fit "
                "it again with the changed examples, or use a method such as 'linear' or 'full'."
            )
        return self.fit(support)

    def adapt(self, fitted: Classifier, support: Dataset, new: int, steps: int) -> Classifier:
        """What it fitted on all but the last `new` examples, after gradient steps on all of them.

        Only a meta-learned method has such steps; others refuse.
        """
        raise OptionError(
            f"adapt: method {self.name!r} is not meta-learned, so it has no steps to take. Use "
            "add_examples (`edit BOT add`), which learns again from all examples."
        )

    def with_learned(self, fitted: Classifier) -> Method:
        """The method with what a restored classifier of it holds of its own training."""
        return self

    @abstractmethod
    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> Classifier:
        """The classifier that `Classifier.state` described."""


def take_options(method: str, options: Mapping[str, Any], *kinds: type) -> list[dict[str, Any]]:
    """The options of each settings class, by its field names; unknown ones are refused.

    >>> from fsl_nlp.methods.frozen.settings import CandidateSettings, FrozenSettings
    >>> options = {"temperature": 1.0, "blank": "[?]"}
    >>> take_options("proto", options, FrozenSettings, CandidateSettings)
    [{'temperature': 1.0}, {'blank': '[?]'}]
    """
    option_infos = [options_of(kind) for kind in kinds]
    options = rename_old_options(options, {o.name for infos in option_infos for o in infos})
    # A search over settings brings numpy's numbers; they are saved as Python's.
    options = {n: v.item() if isinstance(v, np.generic) else v for n, v in options.items()}
    from fsl_nlp.methods import methods_that_have

    all_infos = [info for infos in option_infos for info in infos]
    check_options(f"method {method!r}", options, all_infos, methods_that_have)
    return [
        {info.name: options[info.name] for info in infos if info.name in options}
        for infos in option_infos
    ]
