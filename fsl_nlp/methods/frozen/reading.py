"""From examples, label names and descriptions to the vectors that a head takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fsl_nlp.encoders.length import too_long_for
from fsl_nlp.encoders.mentions import encode_mentions, mention_graph
from fsl_nlp.inputs.kinds import MENTIONS, PAIR, TEXT, Inputs, common_kinds
from fsl_nlp.inputs.label_texts import all_label_texts
from fsl_nlp.inputs.mentions import PARTS, combine
from fsl_nlp.inputs.pairs import angles, side_by_side
from fsl_nlp.methods.frozen.statistics import Centring
from fsl_nlp.types import Dataset, Example
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.encoders.graphs import GraphSource


@dataclass(frozen=True)
class Reader:
    """Reads texts. With a `centre`, the mean of a corpus, it reads texts with mentions.

    `optional` are kinds that an example may have too; they are ignored.
    """

    encoder: TextEncoder
    centre: Matrix | None = None  # [P, D]
    optional: tuple[str, ...] = ()
    scale: Matrix | None = None  # [P, D]; None: 1

    # The usual temperature of scores of its rows, in gaps; None is that of the head.
    usual_temperature: ClassVar[float | None] = None

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
        """The graph that reads the same without torch."""
        return self.encoder.text_graph if self.centre is None else mention_graph(self.encoder)

    @classmethod
    def for_examples(
        cls,
        encoder: TextEncoder,
        examples: Sequence[Example],
        statistics: str = "background",
        *,
        scaled: bool = True,
    ) -> Reader:
        """The reader for examples of this kind; their labels are ignored.

        `statistics` are those of `methods.frozen.statistics`, for examples with mentions.
        """
        kinds = common_kinds(examples)
        if PAIR in kinds:
            return PairReader(encoder)
        if MENTIONS in kinds:
            parts = encode_mentions(encoder, examples)
            centring = Centring.of(statistics, encoder, examples, scaled=scaled)
            if centring is None:
                return cls(encoder, parts.mean(0))
            return cls(encoder, centring.centre(parts), scale=centring.scale)
        return cls(encoder)

    def read(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]: the vectors of the examples."""
        if self.centre is not None:
            return combine(encode_mentions(self.encoder, examples), self.centre, self.scale)
        return self.read_texts([example.text for example in examples])

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]: vectors whose cosine is the similarity of two examples."""
        return self.read(examples)

    def read_and_embed(self, examples: Sequence[Example]) -> tuple[Matrix, Matrix]:
        """What `read` and `embed` give."""
        vectors = self.read(examples)
        return vectors, vectors

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether each example is too long to be read whole."""
        return too_long_for(self.encoder, [example.text for example in examples])

    def read_texts(self, texts: Sequence[str]) -> Matrix:
        """[n, D]: the vectors of plain texts."""
        if self.centre is None:
            return self.encoder.encode(texts)
        # A text without mentions gets the mean of the corpus for its other parts: after centring
        # they are 0.
        parts = np.repeat(self.centre[None], len(texts), 0)
        if texts:
            parts[:, PARTS.index("sentence")] = self.encoder.encode(texts)
        return combine(parts, self.centre, self.scale)

    def read_label_texts(
        self, dataset: Dataset, *, names: bool, descriptions: bool
    ) -> tuple[Matrix, list[int]]:
        """[m, D]: the vectors of label names and descriptions, and the class of each."""
        texts, classes = all_label_texts(dataset, names=names, descriptions=descriptions)
        return self.read_texts(texts), classes


@dataclass(frozen=True)
class PairReader(Reader):
    """Reads a pair of texts as the angle between their vectors: its cosine and sine, [n, 2].

    A few examples can show how similar the two texts of a class are, and little more.
    """

    # Two numbers are far from telling the classes apart, so examples of a class lie on both sides.
    # 1 to 2 was best on BUSTM's training and dev files with 1 to 16 examples a class, 4 and more
    # on OCNLI's, where the cosine says nothing.
    usual_temperature: ClassVar[float | None] = 2.0

    @property
    def inputs(self) -> Inputs:
        """Pairs."""
        return Inputs((PAIR,))

    @property
    def reads(self) -> str:
        """Always "angle"."""
        return "angle"

    @property
    def width(self) -> int:
        """2: cosine and sine."""
        return 2

    def read(self, examples: Sequence[Example]) -> Matrix:
        """[n, 2]."""
        return angles(*self._encode_both(examples))

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, 2 D]: the vectors of both texts side by side."""
        return side_by_side(*self._encode_both(examples))

    def read_and_embed(self, examples: Sequence[Example]) -> tuple[Matrix, Matrix]:
        """What `read` and `embed` give; the texts are encoded once."""
        both = self._encode_both(examples)
        return angles(*both), side_by_side(*both)

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether one of the two texts is too long to be read whole."""
        first = too_long_for(self.encoder, [example.text for example in examples])
        second = too_long_for(self.encoder, [example.text_b or "" for example in examples])
        return [any(both) for both in zip(first, second, strict=True)]

    def _encode_both(self, examples: Sequence[Example]) -> tuple[Matrix, Matrix]:
        """The vectors of the first and of the second texts."""
        first = self.encoder.encode([example.text for example in examples])
        return first, self.encoder.encode([example.text_b or "" for example in examples])

    def read_texts(self, texts: Sequence[str]) -> Matrix:
        """[n, 2], zeros: a name or a description is no pair."""
        return np.zeros((len(texts), 2), np.float32)
