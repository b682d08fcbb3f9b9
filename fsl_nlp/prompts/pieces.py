"""Text to token ids in the midst of other tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fsl_nlp.errors import ModelError

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

# Stands before a text so that the tokenizer does not take it for the beginning of a line. It
# belongs to no script, and so no tokenizer joins it with letters.
_ANCHOR = ","


@dataclass(frozen=True)
class Pieces:
    """A tokenizer that knows whether a text begins a line, follows a space, or is glued on.

    Tokenizers of the SentencePiece kind put a space before every text. "新闻" after a mask would
    become "▁", "新闻", which the model never saw there.
    """

    encoder: TextEncoder

    @cached_property
    def mask(self) -> int:
        found = self.encoder.tokenizer.mask_token_id
        if found is None:
            raise ModelError(
                f"{self.encoder.name} has no mask token, so it cannot fill in a cloze."
            )
        return int(found)

    @cached_property
    def unknown(self) -> int | None:
        found = self.encoder.tokenizer.unk_token_id
        return None if found is None else int(found)

    @cached_property
    def around(self) -> tuple[list[int], list[int]]:
        """What the model wants before and after every input."""
        inner = self.encoder.pieces([_ANCHOR])[0]
        whole = list(self.encoder.tokenizer(_ANCHOR)["input_ids"])
        for start in range(len(whole) - len(inner) + 1):
            if whole[start : start + len(inner)] == inner:
                return whole[:start], whole[start + len(inner) :]
        return [], []

    @cached_property
    def _anchor(self) -> list[int]:
        return self.encoder.pieces([_ANCHOR])[0]

    def begin(self, texts: Sequence[str]) -> list[list[int]]:
        """At the beginning of the input."""
        return self.encoder.pieces(texts)

    def spaced(self, texts: Sequence[str]) -> list[list[int]]:
        """After a space."""
        return self.encoder.pieces([f" {text}" for text in texts])

    def glued(self, texts: Sequence[str]) -> list[list[int]]:
        """Right after other tokens."""
        size = len(self._anchor)
        rows = []
        joined = self.encoder.pieces([_ANCHOR + text for text in texts])
        for text, row in zip(texts, joined, strict=True):
            apart = row[:size] == self._anchor
            rows.append(row[size:] if apart else self.encoder.pieces([text])[0])
        return rows
