"""What every method is, and what it leaves behind after fitting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import ModelError, OptionError
from fsl_nlp.heads.options import check_options, options_of
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from torch import Tensor

    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.encoders.graphs import GraphSource

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """What answers without torch is made of: an encoder's graph, and a function of its vectors.

    `reads` says what the rows of `score` are: "text" and "pair" the encoder's vectors (of a text;
    of two that go in together), "angle" the cosine and sine between a pair's vectors, "mentions"
    the centred parts of a sentence, "candidates" how near each is, which is the score itself.
    `score` gives [n, N] and the vectors [n, D] that nearest examples are found by, of rows
    [n, width].
    """

    reads: str
    graph: GraphSource
    width: int = 0
    score: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    tensors: Tensors = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0


class Classifier(ABC):
    """Fitted, never changed afterwards, safe to share between threads."""

    labels: tuple[Label, ...]

    @abstractmethod
    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, N]; the softmax of a row is the calibrated belief in each label."""

    @abstractmethod
    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, D], for finding the training examples nearest to a question."""

    def example_of(self, text: str) -> Example:
        """An example of the kind that it reads, made of a text."""
        return Example(text)

    def runtime_parts(self) -> tuple[Part, ...]:
        """What answers as this classifier does, without torch; their answers are averaged."""
        raise ModelError(
            f"{type(self).__name__} answers with torch alone. Frozen and tuned methods, such as "
            "'linear' and 'lora', answer without it."
        )

    @abstractmethod
    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """What `Method.restore` needs: arrays, and settings that JSON can hold."""


@dataclass(frozen=True)
class MethodCard:
    """What is said of a method where methods are listed; `example` is a command that uses it."""

    family: str
    summary: str
    cost: str
    needs: str = ""
    paper: str = ""
    example: str = "fsl-nlp fit train.csv --method {name} --out my-bot"


class Method(ABC):
    """A way of learning from a few examples."""

    name: str
    encoder: TextEncoder
    # Whether examples without a label in the support are of use to it.
    takes_unlabelled: ClassVar[bool] = False

    # Options of its settings that it does not take after all.
    refused_options: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """What `fsl-nlp methods` shows of the method of that name."""
        return MethodCard("other", (cls.__doc__ or "").partition("\n")[0], "")

    @classmethod
    def takes(cls, name: str) -> tuple[str, ...]:
        """The kinds of examples: of "text", "pair", "mentions" and "candidates"."""
        return ("text",)

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        """Of "examples", "label names", "label descriptions", "unlabelled texts" and "source
        classes"."""
        return ("examples",)

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        """The settings that `build` takes options for, with the values they have without any."""
        return ()

    @classmethod
    @abstractmethod
    def build(cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]) -> Method:
        """The constructor for all methods; takes what it knows of `options`, refuses the rest."""

    def prepare(self, source: Dataset, *, way: int, shot: int, query: int) -> Method:
        """The method after learning from source classes, for tasks of about this shape.

        Most methods have nothing to learn there, and say so.
        """
        raise OptionError(
            f"method {self.name!r} learns nothing from source classes; leave the source out."
        )

    def origin(self) -> dict[str, str]:
        """Names what it learned before it fits, besides its options."""
        return {}

    def check_ready(self) -> None:  # noqa: B027
        """Refuse what has yet to learn from source classes before it fits."""

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        """The methods with `on_step` that `fit` trains one after another; none where it is quick.

        They are measured before a long run.
        """
        return ()

    @abstractmethod
    def fit(self, support: Dataset) -> Classifier:
        """Learn the labels of `support`."""

    @abstractmethod
    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> Classifier:
        """The classifier that `Classifier.state` described."""


def take_options(method: str, options: Mapping[str, Any], *kinds: type) -> list[dict[str, Any]]:
    """Share `options` out to the settings classes that have a field of that name."""
    known = [options_of(kind) for kind in kinds]
    # A search over settings brings numpy's numbers; they are saved as Python's.
    options = {n: v.item() if isinstance(v, np.generic) else v for n, v in options.items()}
    check_options(f"method {method!r}", options, (info for infos in known for info in infos))
    return [
        {info.name: options[info.name] for info in infos if info.name in options} for infos in known
    ]
