"""Examples that bring their own candidates, such as seven idioms for a blank: which one fits?

A label is the place of the right one, so no class has a meaning to learn: each candidate is its own
prototype, and the support set teaches how sure to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fsl_nlp.decision import fit_temperature
from fsl_nlp.errors import DataError
from fsl_nlp.heads.options import option
from fsl_nlp.methods.base import Classifier, Part, Tensors
from fsl_nlp.prompts.template import check_blank
from fsl_nlp.runtime.candidates import check_candidates, check_plain, closeness, without_blank
from fsl_nlp.runtime.inputs import example_of
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

_TEMPERATURE = 1.0  # where the search for one starts; closeness is counted in its own deviations


@dataclass(frozen=True)
class CandidateSettings:
    """The option of `proto` for examples with candidates."""

    blank: str | None = option(None, "marks in a text where a candidate belongs, as #idiom#")

    def __post_init__(self) -> None:
        check_blank(self.blank, "a candidate")


@dataclass(frozen=True)
class CandidateClassifier(Classifier):
    """The candidate nearest to its text, by the mean of what `closeness` finds."""

    labels: tuple[Label, ...]
    encoder: TextEncoder
    blank: str | None
    spread: Matrix  # [F]: what each kind of closeness is divided by
    temperature: float

    @classmethod
    def learn(
        cls, encoder: TextEncoder, support: Dataset, blank: str | None, temperature: float | None
    ) -> CandidateClassifier:
        count = count_candidates(support)
        check_plain(support.examples)
        found = closeness(encoder.encode, support.examples, blank)
        spread = np.maximum(found.std((0, 1)), 1e-6)
        if temperature is None:
            targets = np.array([int(label) for label in support.known_targets], np.int64)
            scores = (found / spread).mean(-1)
            temperature = fit_temperature(scores, targets, start=_TEMPERATURE)
        return cls(tuple(range(count)), encoder, blank, spread, temperature)

    def scores(self, examples: Sequence[Example]) -> Matrix:
        check_candidates(examples, len(self.labels))
        if not examples:
            return np.zeros((0, len(self.labels)), np.float32)
        found = closeness(self.encoder.encode, examples, self.blank) / self.spread
        result: Matrix = found.mean(-1) / np.float32(self.temperature)
        return result

    def embed(self, examples: Sequence[Example]) -> Matrix:
        return self.encoder.encode([without_blank(e.text, self.blank) for e in examples])

    def example_of(self, text: str) -> Example:
        return example_of(text, "candidates", candidates=len(self.labels), blank=self.blank)

    def runtime_parts(self) -> tuple[Part, ...]:
        settings = {"blank": self.blank, "temperature": self.temperature}
        source = self.encoder.text_graph
        return (Part("candidates", source, tensors={"spread": self.spread}, settings=settings),)

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        settings = {"candidates": len(self.labels), "temperature": self.temperature}
        return {"spread": self.spread}, settings

    @classmethod
    def restore(
        cls, encoder: TextEncoder, blank: str | None, tensors: Tensors, settings: Mapping[str, Any]
    ) -> CandidateClassifier:
        """The classifier that `state` described."""
        labels = tuple(range(settings["candidates"]))
        return cls(labels, encoder, blank, tensors["spread"], settings["temperature"])


def has_candidates(examples: Sequence[Example]) -> bool:
    return any(example.candidates for example in examples)


def count_candidates(support: Dataset) -> int:
    """How many each example has; the labels are checked to be places among them."""
    counts = {len(example.candidates) for example in support.examples}
    if 0 in counts:
        raise DataError("Some examples have candidates and some have none.")
    if len(counts) != 1:
        raise DataError(
            f"Examples have {' or '.join(map(str, sorted(counts)))} candidates; all must have the "
            "same number."
        )
    (count,) = counts
    if wrong := [label for label in support.labels if label not in range(count)]:
        raise DataError(
            f"The label of an example with candidates is the right one's place, a whole number "
            f"from 0 to {count - 1}; {wrong[0]!r} is not."
        )
    return count
