"""Examples that bring their own candidates, such as seven idioms for a blank: which one fits?

A label is the place of the right one, so no class has a meaning to learn: each candidate is its own
prototype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fsl_nlp.errors import DataError
from fsl_nlp.types import Example
from fsl_nlp.vectors import Matrix, unit

# Characters on either side of a blank, in which a candidate is compared.
_NEAR = 40

Encode = Callable[[Sequence[str]], Matrix]


def closeness(encode: Encode, examples: Sequence[Example], blank: str | None) -> Matrix:
    """[n, K, F], F > 0, around 0 for each example: how well each of its candidates fits its text.

    First, the cosine of text and candidate. Second, if there is a blank, the cosine of the words
    around the blank with the candidate and without it.
    """
    distinct = list(dict.fromkeys(c for example in examples for c in example.candidates))
    index = {candidate: i for i, candidate in enumerate(distinct)}
    vectors = unit(encode(distinct))
    candidate_vectors = vectors[
        [[index[c] for c in example.candidates] for example in examples]
    ]  # [n, K, D]
    whole = unit(encode([without_blank(example.text, blank) for example in examples]))
    parts = [np.einsum("nd,nkd->nk", whole, candidate_vectors)]
    if blank is not None:
        around = [_around(example.text, blank) for example in examples]
        empty = unit(encode([before + after for before, after in around]))
        filled = encode(
            [
                before + candidate + after
                for (before, after), example in zip(around, examples, strict=True)
                for candidate in example.candidates
            ]
        )
        parts.append(np.einsum("nd,nkd->nk", empty, unit(filled).reshape(candidate_vectors.shape)))
    stacked = np.stack(parts, -1)
    result: Matrix = stacked - stacked.mean(1, keepdims=True)
    return result


def without_blank(text: str, blank: str | None) -> str:
    """The text without its blank."""
    return text if blank is None else text.replace(blank, "")


def _around(text: str, blank: str) -> tuple[str, str]:
    before, after = split_at_blank(text, blank, "A candidate")
    return before[-_NEAR:], after[:_NEAR]


def split_at_blank(text: str, blank: str, what: str) -> tuple[str, str]:
    """The text before and after the blank, which must occur once."""
    if text.count(blank) != 1:
        raise DataError(
            f"{what} needs the blank {blank} once in the text, and this text has it "
            f"{text.count(blank)} times: {text[:60]!r}."
        )
    before, _, after = text.partition(blank)
    return before, after
