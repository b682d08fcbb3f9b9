"""Two texts as the angle between their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsl_nlp.errors import DataError
from fsl_nlp.types import Example
from fsl_nlp.vectors import Matrix, unit


def second_texts(examples: Sequence[Example]) -> list[str]:
    """The second text of each pair; an example without one is refused."""
    seconds = [example.text_b for example in examples if example.text_b is not None]
    if len(seconds) < len(examples):
        alone = next(example for example in examples if example.text_b is None)
        raise DataError(
            f"This classifier reads pairs of texts, and this example has one: {alone.text[:40]!r}."
        )
    return seconds


def check_pairs(examples: Sequence[Example]) -> list[str] | None:
    """The second texts where all have one, None where none has; a mixture is refused.

    >>> check_pairs([Example("a", text_b="b")])
    ['b']
    """
    seconds = [e.text_b for e in examples if e.text_b is not None]
    if seconds and len(seconds) != len(examples):
        alone = next(e for e in examples if e.text_b is None)
        raise DataError(
            "Some examples are pairs of texts and this one has no second text: "
            f"{alone.text[:40]!r}."
        )
    return seconds or None


def check_single(examples: Sequence[Example]) -> None:
    """Refuse pairs of texts where single ones are read."""
    for example in examples:
        if example.text_b is not None:
            raise DataError(
                f"This example has two texts: {example.text[:40]!r}. What is fitted on "
                "single texts cannot read it, nor can meta-learned methods; 'linear' and "
                "'proto' can be fitted on pairs."
            )


def angles(first: Matrix, second: Matrix) -> Matrix:
    """[n, 2]: cosine and sine of the angle between the rows of two matrices."""
    cosine = np.clip((unit(first) * unit(second)).sum(1), -1, 1)
    return np.stack([cosine, np.sqrt(1 - cosine**2)], 1)


def side_by_side(first: Matrix, second: Matrix) -> Matrix:
    """[n, 2 * D]: pairs are alike where their first texts are, and their second ones."""
    return np.concatenate([unit(first), unit(second)], 1)
