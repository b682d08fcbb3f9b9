"""Readers of meta-learned encoders: rows of an `EncoderBody` instead of vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fsl_nlp.encoders.length import too_long_for
from fsl_nlp.errors import ModelError
from fsl_nlp.methods.frozen.reading import Reader
from fsl_nlp.types import Example
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders.graphs import GraphSource
    from fsl_nlp.meta.mention_body import MentionBody


@dataclass(frozen=True)
class RowReader(Reader):
    """Reads texts as the output of the frozen layers of an encoder."""

    rows: Callable[[Sequence[str]], Matrix] | None = None
    longest: int | None = None  # tokens of a text

    def graph(self) -> GraphSource:
        """Refused: layers of an encoder need torch."""
        raise _needs_torch()

    def read_texts(self, texts: Sequence[str]) -> Matrix:
        """[n, F]: the output of the frozen layers."""
        assert self.rows
        return self.rows(texts)

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether each text has more tokens than the rows hold."""
        return too_long_for(self.encoder, [e.text for e in examples], longest=self.longest)

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]: the encoder's vectors of the texts."""
        return self.encoder.encode([example.text for example in examples])

    def read_and_embed(self, examples: Sequence[Example]) -> tuple[Matrix, Matrix]:
        """What `read` and `embed` give."""
        return self.read(examples), self.embed(examples)


@dataclass(frozen=True)
class MentionReader(Reader):
    """Reads sentences with mentions; `centre` is the mean of their corpus."""

    body: MentionBody | None = None

    def graph(self) -> GraphSource:
        """Refused: layers of an encoder need torch."""
        raise _needs_torch()

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether each sentence has more tokens than the rows hold."""
        assert self.body
        longest = self.body.settings.tokens
        return too_long_for(self.encoder, [e.text for e in examples], longest=longest)

    def read(self, examples: Sequence[Example]) -> Matrix:
        """[n, F], of sentences with their mentions."""
        assert self.body
        assert self.centre is not None
        return self.body.mention_rows(examples, self.centre)

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]: the encoder's vectors of the texts."""
        return self.encoder.encode([example.text for example in examples])

    def read_and_embed(self, examples: Sequence[Example]) -> tuple[Matrix, Matrix]:
        """What `read` and `embed` give."""
        return self.read(examples), self.embed(examples)

    def read_texts(self, texts: Sequence[str]) -> Matrix:
        """[n, F], of sentences without mentions."""
        assert self.body
        assert self.centre is not None
        return self.body.sentence_rows(self.encoder.encode(texts), self.centre)


def _needs_torch() -> ModelError:
    return ModelError(
        "This method meta-learned layers of the encoder, so it cannot answer without torch. "
        "Methods with a body of vectors can, such as body='metric'."
    )
