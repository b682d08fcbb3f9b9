"""What every method is, and what it leaves behind after fitting."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import ModelError, OptionError
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


class Method(ABC):
    """A way of learning from a few examples."""

    name: str
    encoder: TextEncoder
    # Whether examples without a label in the support are of use to it.
    takes_unlabelled: ClassVar[bool] = False
    # How many of them a benchmark gives it, unless the user names a number.
    default_unlabelled: ClassVar[int] = 0
    # Whether it asks a model with a template, and the option that holds it.
    takes_template: ClassVar[bool] = False
    template_option: ClassVar[str] = "template"
    # Whether its encoder must be a masked language model.
    needs_masked_model: ClassVar[bool] = False

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

    @abstractmethod
    def fit(self, support: Dataset) -> Classifier:
        """Learn the labels of `support`."""

    @abstractmethod
    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> Classifier:
        """The classifier that `Classifier.state` described."""


# Old names of options, accepted for one version.
RENAMED_OPTIONS = {"sharpness": "loss_temperature", "soften": "distillation_temperature"}


def rename_old_options(options: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The options, with an old name replaced where its new one is among `names`."""
    renamed: dict[str, Any] = {}
    for name, value in options.items():
        new = RENAMED_OPTIONS.get(name)
        if new is None or name in names or new not in names:
            renamed[name] = value
            continue
        if new in options:
            raise OptionError(f"{name!r} is the old name of {new!r}. Give one of them.")
        warnings.warn(
            f"The option {name!r} is now {new!r}; the old name will be removed.",
            DeprecationWarning,
            stacklevel=2,
        )
        renamed[new] = value
    return renamed


def take_options(method: str, options: Mapping[str, Any], *kinds: type) -> list[dict[str, Any]]:
    """Share `options` out to the settings classes that have a field of that name."""
    known = [_settings(kind) for kind in kinds]
    options = rename_old_options(options, {name for settings in known for name in settings})
    # A search over settings brings numpy's numbers; they are saved as Python's.
    options = {n: v.item() if isinstance(v, np.generic) else v for n, v in options.items()}
    for name, value in options.items():
        hints = [settings[name] for settings in known if name in settings]
        if not hints:
            all_names = sorted({n for settings in known for n in settings})
            raise OptionError(
                f"method {method!r} has no option {name!r}. It has: {', '.join(all_names)}."
            )
        _check_type(name, value, hints[0])
    return [{n: options[n] for n in settings if n in options} for settings in known]


# Types of settings: what may be given for each, and how a message calls it.
_KINDS: dict[Any, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a text"),
    NoneType: (NoneType, "None"),
}


def _settings(kind: type) -> dict[str, Any]:
    """The names and types of the fields that a user may set."""
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind) if not f.metadata.get("learned")}


def _check_type(name: str, value: Any, hint: Any) -> None:
    """Refuse a text for a number and the like. A choice of values is its own class's to check."""
    kinds = get_args(hint) or (hint,)
    if not all(kind in _KINDS for kind in kinds) or any(_is_a(value, kind) for kind in kinds):
        return
    names = " or ".join(_KINDS[kind][1] for kind in kinds)
    raise OptionError(f"{name}={value!r}: must be {names}.")


def _is_a(value: Any, kind: Any) -> bool:
    # To Python True is a number; to the user who writes it, it is not.
    return isinstance(value, _KINDS[kind][0]) and (kind is bool or not isinstance(value, bool))
