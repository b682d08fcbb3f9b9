"""From examples and what is known of labels to the vectors that a head takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fsl_nlp.encoders.mentions import encode_mentions, mention_graph
from fsl_nlp.inputs.kinds import MENTIONS, PAIR, TEXT, Inputs, common_kinds
from fsl_nlp.inputs.label_texts import label_texts
from fsl_nlp.inputs.mentions import PARTS, combine
from fsl_nlp.inputs.pairs import angles, side_by_side
from fsl_nlp.types import Dataset, Example
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.encoders.graphs import GraphSource


@dataclass(frozen=True)
class Reader:
    """Reads texts; or, with the mean of its corpus as `centre`, texts with mentions.

    `optional` are kinds that an example may be besides; they are not looked at.
    """

    encoder: TextEncoder
    centre: Matrix | None = None  # [P, D]
    optional: tuple[str, ...] = ()

    @property
    def inputs(self) -> Inputs:
        """The examples that it reads."""
        return Inputs((TEXT if self.centre is None else MENTIONS,), self.optional)

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
        kinds = common_kinds(examples)
        if PAIR in kinds:
            return PairReader(encoder)
        if MENTIONS in kinds:
            return cls(encoder, encode_mentions(encoder, examples).mean(0))
        return cls(encoder)

    def read(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]."""
        if self.centre is not None:
            return combine(encode_mentions(self.encoder, examples), self.centre)
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

    def read_label_texts(
        self, dataset: Dataset, *, names: bool, descriptions: bool
    ) -> tuple[Matrix, list[int]]:
        """[m, D]: the vectors of label names and descriptions, and the class of each."""
        pairs = [
            (text, i)
            for i, label in enumerate(dataset.labels)
            for text in label_texts(label, dataset, names=names, descriptions=descriptions)
        ]
        return self.read_texts([text for text, _ in pairs]), [i for _, i in pairs]


@dataclass(frozen=True)
class PairReader(Reader):
    """Reads a pair of texts as the angle between their vectors: its cosine and sine, [n, 2].

    What a few examples can teach of two texts is how alike they must be (docs/tuning.md).
    """

    @property
    def inputs(self) -> Inputs:
        """Pairs."""
        return Inputs((PAIR,))

    @property
    def reads(self) -> str:
        """ "angle"."""
        return "angle"

    @property
    def width(self) -> int:
        """2: cosine and sine."""
        return 2

    def read(self, examples: Sequence[Example]) -> Matrix:
        """[n, 2]."""
        return angles(*self._encode_both(examples))

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """Pairs are alike where their first texts are, and their second ones."""
        return side_by_side(*self._encode_both(examples))

    def _encode_both(self, examples: Sequence[Example]) -> tuple[Matrix, Matrix]:
        """The vectors of the first and of the second texts."""
        first = self.encoder.encode([example.text for example in examples])
        return first, self.encoder.encode([example.text_b or "" for example in examples])

    def read_texts(self, texts: Sequence[str]) -> Matrix:
        """A name or a description is no pair, so there are none to read."""
        return np.zeros((len(texts), 2), np.float32)
