"""Texts to token ids, as the encoder was trained to see them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_nlp.errors import ModelError
from fsl_nlp.inputs.length import too_long, visible_parts

if TYPE_CHECKING:
    from tokenizers import Encoding


class TextTokenizer:
    """A tokenizer file, with the prefix and the limit of its encoder. Safe to share."""

    def __init__(
        self, path: Path, *, prefix: str, longest: int | None, truncate_left: bool = False
    ) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises plain exceptions
            raise ModelError(f"{path} cannot be read as a tokenizer: {error}.") from error
        self.prefix = prefix
        self._longest = longest
        self._truncate_left = truncate_left
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        if longest is not None:
            side = "left" if truncate_left else "right"
            self._tokenizer.enable_truncation(longest, direction=side)

    def __call__(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None
    ) -> tuple[list[list[int]], list[list[int]] | None]:
        """The token ids of each text; for pairs also which of the two a token belongs to."""
        encodings = self.encodings(texts, pairs)
        kinds = [encoding.type_ids for encoding in encodings] if pairs is not None else None
        return [encoding.ids for encoding in encodings], kinds

    def truncates(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, longest: int
    ) -> list[bool]:
        """Whether each text, read together with its second one, has too many tokens."""
        rows = [(self.prefix, *r) for r in zip(texts, *([pairs] if pairs else []), strict=True)]

        def lengths(indices: list[int]) -> list[int]:
            second = [pairs[i] for i in indices] if pairs else None
            encodings = self.encodings([texts[i] for i in indices], second)
            return [len(e.ids) + sum(len(part.ids) for part in e.overflowing) for e in encodings]

        return too_long(rows, longest, lengths)

    def encodings(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[Encoding]:
        """The encodings of the texts with the prefix: ids, offsets, special tokens."""
        prefixed = [self.prefix + text for text in self._visible(texts)]
        pairs = None if pairs is None else self._visible(pairs)
        inputs = prefixed if pairs is None else list(zip(prefixed, pairs, strict=True))
        if len(inputs) == 1:  # no threads to start
            one = inputs[0]
            return [self._tokenizer.encode(*((one,) if isinstance(one, str) else one))]
        encodings: list[Encoding] = self._tokenizer.encode_batch(inputs)
        return encodings

    def _visible(self, texts: Sequence[str]) -> Sequence[str]:
        if self._longest is None:
            return texts
        return visible_parts(texts, self._longest, self._count, from_end=self._truncate_left)

    def _count(self, text: str) -> int:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return len(encoding.ids) + sum(len(rest.ids) for rest in encoding.overflowing)
