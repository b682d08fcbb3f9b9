"""From examples and what is known of labels to the vectors that a head takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fsl_nlp.data.labels import readable
from fsl_nlp.encoders.mentions import encode_mentions, mention_graph
from fsl_nlp.errors import DataError
from fsl_nlp.inputs.mentions import PARTS, combine, has_mentions
from fsl_nlp.inputs.pairs import angles, check_single, second_texts, side_by_side
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.encoders.graphs import GraphSource


@dataclass(frozen=True)
class Reader:
    """Reads sentences; or, with the mean of its corpus as `centre`, sentences with mentions."""

    encoder: TextEncoder
    centre: Matrix | None = None  # [P, D]

    @property
    def reads(self) -> str:
        """The kind of its rows, as `Part` names it."""
        return "text" if self.centre is None else "mentions"

    @property
    def width(self) -> int:
        """The numbers in a row."""
        return self.encoder.dimensions if self.centre is None else self.centre.size

    def graph(self) -> GraphSource:
        """What reads for it without torch."""
        return self.encoder.text_graph if self.centre is None else mention_graph(self.encoder)

    @classmethod
    def for_examples(cls, encoder: TextEncoder, examples: Sequence[Example]) -> Reader:
        """The reader that fits these (support) examples. Their labels are not looked at."""
        marked = has_mentions(examples)
        if has_pairs(examples):
            if marked:
                raise DataError(
                    "A frozen encoder reads marked words or pairs of texts, and these examples "
                    "have both. Use a method of prompts, such as 'prompt'."
                )
            return PairReader(encoder)
        if not marked:
            return cls(encoder)
        return cls(encoder, encode_mentions(encoder, examples).mean(0))

    def read(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]."""
        if self.centre is not None:
            return combine(encode_mentions(self.encoder, examples), self.centre)
        check_single(examples)
        return self.read_texts([example.text for example in examples])

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]: vectors whose cosine says how alike two examples are."""
        return self.read(examples)

    def read_texts(self, texts: Sequence[str]) -> Matrix:
        """[n, D], of bare texts."""
        if self.centre is None:
            return self.encoder.encode(texts)
        # A text without mentions: its other parts are the corpus's mean, so that after centring
        # only the sentence part says something.
        parts = np.repeat(self.centre[None], len(texts), 0)
        if texts:
            parts[:, PARTS.index("sentence")] = self.encoder.encode(texts)
        return combine(parts, self.centre)

    def read_evidence(
        self, dataset: Dataset, *, names: bool, descriptions: bool
    ) -> tuple[Matrix, list[int]]:
        """[m, D], and which label each of the m is about."""
        pairs = [
            (text, i)
            for i, label in enumerate(dataset.labels)
            for text in evidence(label, dataset, names=names, descriptions=descriptions)
        ]
        return self.read_texts([text for text, _ in pairs]), [i for _, i in pairs]


@dataclass(frozen=True)
class PairReader(Reader):
    """Reads a pair of texts as the angle between their vectors: its cosine and sine, [n, 2].

    What a few examples can teach of two texts is how alike they must be (docs/tuning.md).
    """

    @property
    def reads(self) -> str:
        return "angle"

    @property
    def width(self) -> int:
        return 2

    def read(self, examples: Sequence[Example]) -> Matrix:
        return angles(*self._encode_both(examples, second_texts(examples)))

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """Pairs are alike where their first texts are, and their second ones."""
        seconds = [example.text_b or "" for example in examples]
        return side_by_side(*self._encode_both(examples, seconds))

    def _encode_both(
        self, examples: Sequence[Example], seconds: Sequence[str]
    ) -> tuple[Matrix, Matrix]:
        """The vectors of the first and of the second texts."""
        first = self.encoder.encode([example.text for example in examples])
        return first, self.encoder.encode(seconds)

    def read_texts(self, texts: Sequence[str]) -> Matrix:
        """A name or a description is no pair, so there are none to read."""
        return np.zeros((len(texts), 2), np.float32)


def has_pairs(examples: Sequence[Example]) -> bool:
    return any(example.text_b is not None for example in examples)


def nothing_said(labels: Sequence[Label], *, pairs: bool) -> DataError:
    """The error for labels that nothing is known of."""
    needed = "an example: a description is no pair" if pairs else "an example or a description"
    return DataError(f"Nothing says what these labels mean: {list(labels)}. Give each {needed}.")


def evidence(label: Label, dataset: Dataset, *, names: bool, descriptions: bool) -> list[str]:
    """What is known of a label besides examples, as texts: its readable name, its description.

    Neither says anything where examples are pairs of texts.
    """
    if has_pairs(dataset.examples):
        return []
    info = dataset.info.get(label)
    name = (info and info.name) or readable(label)
    texts = [name if names else None, info.description if info and descriptions else None]
    return [text for text in texts if text]
