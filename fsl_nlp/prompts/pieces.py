"""Token ids of texts that stand among other tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fsl_nlp.errors import ModelError

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

# Put before a text so that the tokenizer does not treat it as the start of the input. It belongs to
# no script, so no tokenizer joins it with letters.
_ANCHOR = ","


@dataclass(frozen=True)
class Pieces:
    """Tokenizes a text at the start of the input, after a space, or right after another token.

    SentencePiece tokenizers put a space before every text. "新闻" after a mask would become "▁",
    "新闻", which the model never saw in training.
    """

    encoder: TextEncoder

    @cached_property
    def mask(self) -> int:
        """The id of the mask token."""
        mask_id = self.encoder.tokenizer.mask_token_id
        if mask_id is None:
            raise ModelError(
                f"{self.encoder.name} has no mask token, so it cannot be used with prompts."
            )
        return int(mask_id)

    @cached_property
    def unknown(self) -> int | None:
        """The id of the token for unknown characters, if there is one."""
        unknown_id = self.encoder.tokenizer.unk_token_id
        return None if unknown_id is None else int(unknown_id)

    @cached_property
    def special_tokens(self) -> tuple[list[int], list[int]]:
        """The special tokens before and after every input."""
        inner = self.encoder.pieces([_ANCHOR])[0]
        whole = list(self.encoder.tokenizer(_ANCHOR)["input_ids"])
        for start in range(len(whole) - len(inner) + 1):
            if whole[start : start + len(inner)] == inner:
                return whole[:start], whole[start + len(inner) :]
        return [], []

    @cached_property
    def _anchor(self) -> list[int]:
        return self.encoder.pieces([_ANCHOR])[0]

    def at_start(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts at the start of the input."""
        return self.encoder.pieces(texts)

    def after_space(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts after a space."""
        return self.encoder.pieces([f" {text}" for text in texts])

    def after_token(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts right after another token."""
        size = len(self._anchor)
        rows = []
        joined = self.encoder.pieces([_ANCHOR + text for text in texts])
        for text, row in zip(texts, joined, strict=True):
            separate = row[:size] == self._anchor
            rows.append(row[size:] if separate else self.encoder.pieces([text])[0])
        return rows
