"""Texts that are longer than an encoder reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fsl_nlp.inputs.length import too_long

if TYPE_CHECKING:
    from fsl_nlp.encoders.encoder import TextEncoder


def too_long_for(
    encoder: TextEncoder,
    texts: Sequence[str],
    seconds: Sequence[str] | None = None,
    *,
    longest: int | None = None,
) -> list[bool]:
    """Whether each text, read together with its second one, has too many tokens.

    >>> from fsl_nlp.encoders import load_encoder
    >>> too_long_for(load_encoder("embedded:en"), ["where is it", "where is it " * 500])
    [False, True]
    """
    prefix = encoder.pooling.prefix
    rows = [(prefix, *row) for row in zip(texts, *([seconds] if seconds else []), strict=True)]

    def lengths(indices: list[int]) -> list[int]:
        pairs = [seconds[i] for i in indices] if seconds else None
        first = [texts[i] for i in indices]
        return list(map(len, encoder.tokenize(first, text_pair=pairs, verbose=False)["input_ids"]))

    limit = encoder.pooling.max_length
    return too_long(rows, min(limit, longest or limit), lengths)
