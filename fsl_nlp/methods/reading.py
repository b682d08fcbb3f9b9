"""From examples and what is known of labels to the vectors that a head takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.data.labels import readable
from fsl_nlp.encoders.mentions import PARTS, combine, encode_mentions, has_mentions
from fsl_nlp.errors import DataError
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Reader:
    """Reads sentences; or, with the mean of its corpus as `centre`, sentences with mentions."""

    encoder: TextEncoder
    centre: Matrix | None = None  # [P, D]

    @classmethod
    def for_examples(cls, encoder: TextEncoder, examples: Sequence[Example]) -> Reader:
        """The reader that fits these (support) examples. Their labels are not looked at."""
        if any(example.text_b is not None for example in examples):
            return PairReader(encoder)
        if not has_mentions(examples):
            return cls(encoder)
        return cls(encoder, encode_mentions(encoder, examples).mean(0))

    def read(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]."""
        if self.centre is not None:
            return combine(encode_mentions(self.encoder, examples), self.centre)
        for example in examples:
            if example.text_b is not None:
                raise DataError(
                    "This classifier reads single texts, and this example has two: "
                    f"{example.text[:40]!r}. Fit it on pairs to ask it about pairs."
                )
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

    What a few examples can teach of two texts is how alike they must be (docs/episodes.md).
    """

    def read(self, examples: Sequence[Example]) -> Matrix:
        seconds = [example.text_b for example in examples if example.text_b is not None]
        if len(seconds) < len(examples):
            alone = next(example for example in examples if example.text_b is None)
            raise DataError(
                "This classifier reads pairs of texts, and this example has one: "
                f"{alone.text[:40]!r}."
            )
        firsts = self.encoder.encode([example.text for example in examples])
        products = np.einsum("nd,nd->n", firsts, vectors := self.encoder.encode(seconds))
        lengths = np.linalg.norm(firsts, axis=1) * np.linalg.norm(vectors, axis=1)
        cosine = np.clip(products / np.maximum(lengths, 1e-12), -1, 1)
        return np.stack([cosine, np.sqrt(1 - cosine**2)], 1)

    def read_evidence(
        self, dataset: Dataset, *, names: bool, descriptions: bool
    ) -> tuple[Matrix, list[int]]:
        """None: a name is no pair of texts."""
        return np.zeros((0, 2), np.float32), []


def evidence(label: Label, dataset: Dataset, *, names: bool, descriptions: bool) -> list[str]:
    """What is known of a label besides examples, as texts: its readable name, its description."""
    info = dataset.info.get(label)
    name = (info and info.name) or readable(label)
    texts = [name if names else None, info.description if info and descriptions else None]
    return [text for text in texts if text]
