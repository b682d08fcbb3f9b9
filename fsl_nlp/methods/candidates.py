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
from fsl_nlp.methods.base import Classifier, Tensors
from fsl_nlp.prompts.template import check_blank, split_at_blank
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix, unit

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

# Characters on either side of a blank that a candidate is tried in.
_NEAR = 40
_TEMPERATURE = 1.0  # where the search for one starts; closeness is counted in its own deviations


@dataclass(frozen=True)
class CandidateSettings:
    """The option of `proto` for them. `blank`: what stands in a text where a candidate belongs."""

    blank: str | None = None

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
        _check_plain(support.examples)
        found = closeness(encoder, support.examples, blank)
        spread = np.maximum(found.std((0, 1)), 1e-6)
        if temperature is None:
            targets = np.array([int(label) for label in support.known_targets], np.int64)
            scores = (found / spread).mean(-1)
            temperature = fit_temperature(scores, targets, start=_TEMPERATURE)
        return cls(tuple(range(count)), encoder, blank, spread, temperature)

    def scores(self, examples: Sequence[Example]) -> Matrix:
        for example in examples:
            if len(example.candidates) != len(self.labels):
                raise DataError(
                    f"This classifier chooses among {len(self.labels)} candidates, and this "
                    f"example has {len(example.candidates)}: {example.text[:40]!r}."
                )
        if not examples:
            return np.zeros((0, len(self.labels)), np.float32)
        _check_plain(examples)
        found = closeness(self.encoder, examples, self.blank) / self.spread
        result: Matrix = found.mean(-1) / np.float32(self.temperature)
        return result

    def embed(self, examples: Sequence[Example]) -> Matrix:
        return self.encoder.encode([_without(e.text, self.blank) for e in examples])

    def like(self, text: str) -> Example:
        candidates = tuple(f"{text} {place}" for place in self.labels)
        return Example(_without(text, self.blank) + (self.blank or ""), candidates=candidates)

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


_INSTEAD = (
    "Fit 'proto', which takes the nearest, or a method of prompts, on examples with candidates."
)


def refuse_candidates(examples: Sequence[Example], instead: str = _INSTEAD) -> None:
    """For what learns labels that mean the same for every example; `instead` says what to do."""
    for example in examples:
        if example.candidates:
            raise DataError(
                "What learns labels that are the same for all cannot read an example that brings "
                f"candidates of its own: {example.text[:40]!r}. {instead}"
            )


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


def _check_plain(examples: Sequence[Example]) -> None:
    for example in examples:
        if example.text_b is not None or example.head is not None or example.tail is not None:
            raise DataError(
                "An example with candidates has one text and no mentions here: "
                f"{example.text[:40]!r} has more."
            )


def closeness(encoder: TextEncoder, examples: Sequence[Example], blank: str | None) -> Matrix:
    """[n, K, F], F > 0, around 0 for each example: how well each of its candidates fits its text.

    First, the cosine of text and candidate. Second, where there is a blank: of the words around it
    with the candidate in their midst, and without.
    """
    distinct = list(dict.fromkeys(c for example in examples for c in example.candidates))
    place = {candidate: i for i, candidate in enumerate(distinct)}
    vectors = unit(encoder.encode(distinct))
    own = vectors[[[place[c] for c in example.candidates] for example in examples]]  # [n, K, D]
    whole = unit(encoder.encode([_without(example.text, blank) for example in examples]))
    found = [np.einsum("nd,nkd->nk", whole, own)]
    if blank is not None:
        around = [_around(example.text, blank) for example in examples]
        empty = unit(encoder.encode([before + after for before, after in around]))
        filled = encoder.encode(
            [
                before + candidate + after
                for (before, after), example in zip(around, examples, strict=True)
                for candidate in example.candidates
            ]
        )
        found.append(np.einsum("nd,nkd->nk", empty, unit(filled).reshape(own.shape)))
    together = np.stack(found, -1)
    result: Matrix = together - together.mean(1, keepdims=True)
    return result


def _without(text: str, blank: str | None) -> str:
    return text if blank is None else text.replace(blank, "")


def _around(text: str, blank: str) -> tuple[str, str]:
    before, after = split_at_blank(text, blank, "A candidate")
    return before[-_NEAR:], after[:_NEAR]
