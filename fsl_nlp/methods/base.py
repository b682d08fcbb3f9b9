"""What every method is, and what it leaves behind after fitting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import OptionError
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

Tensors = dict[str, NDArray[Any]]


class Classifier(ABC):
    """Fitted, never changed afterwards, safe to share between threads."""

    labels: tuple[Label, ...]

    @abstractmethod
    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, N]; the softmax of a row is the calibrated belief in each label."""

    @abstractmethod
    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, D], for finding the training examples nearest to a question."""

    @abstractmethod
    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """What `Method.restore` needs: arrays, and settings that JSON can hold."""


class Method(ABC):
    """A way of learning from a few examples."""

    name: str
    encoder: TextEncoder

    @classmethod
    @abstractmethod
    def build(cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]) -> Method:
        """The constructor for all methods; takes what it knows of `options`, refuses the rest."""

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
    known = [[f.name for f in fields(kind)] for kind in kinds]
    for name in options:
        if not any(name in names for names in known):
            all_names = sorted({n for names in known for n in names})
            raise OptionError(
                f"method {method!r} has no option {name!r}. It has: {', '.join(all_names)}."
            )
    return [{n: options[n] for n in names if n in options} for names in known]
