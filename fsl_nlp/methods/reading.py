"""From examples and what is known of labels to the vectors that a head takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fsl_nlp.data.labels import readable
from fsl_nlp.encoders.mentions import PARTS, combine, encode_mentions, has_mentions
from fsl_nlp.errors import DataError
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix, unit

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


@dataclass(frozen=True)
class Reader:
    """Reads sentences; or, with the mean of its corpus as `centre`, sentences with mentions."""

    encoder: TextEncoder
    centre: Matrix | None = None  # [P, D]

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
        for example in examples:
            if example.text_b is not None:
                raise DataError(
                    f"This example has two texts: {example.text[:40]!r}. What is fitted on "
                    "single texts cannot read it, nor can meta-learned methods; 'linear' and "
                    "'proto' can be fitted on pairs."
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

    What a few examples can teach of two texts is how alike they must be (docs/tuning.md).
    """

    def read(self, examples: Sequence[Example]) -> Matrix:
        seconds = [example.text_b for example in examples if example.text_b is not None]
        if len(seconds) < len(examples):
            alone = next(example for example in examples if example.text_b is None)
            raise DataError(
                "This classifier reads pairs of texts, and this example has one: "
                f"{alone.text[:40]!r}."
            )
        texts = [example.text for example in examples]
        first, second = (unit(self.encoder.encode(given)) for given in (texts, seconds))
        cosine = np.clip((first * second).sum(1), -1, 1)
        return np.stack([cosine, np.sqrt(1 - cosine**2)], 1)

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """Pairs are alike where their first texts are, and their second ones."""
        texts = [[e.text for e in examples], [e.text_b or "" for e in examples]]
        return np.concatenate([unit(self.encoder.encode(given)) for given in texts], 1)

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
