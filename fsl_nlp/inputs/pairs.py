"""Two texts as the angle between their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsl_nlp.types import Example
from fsl_nlp.vectors import Matrix, unit


def second_texts(examples: Sequence[Example]) -> list[str] | None:
    """The second texts where examples are pairs, None where they are single texts.

    >>> second_texts([Example("a", text_b="b")])
    ['b']
    """
    if not examples or examples[0].text_b is None:
        return None
    return [example.text_b or "" for example in examples]


def angles(first: Matrix, second: Matrix) -> Matrix:
    """[n, 2]: cosine and sine of the angle between the rows of two matrices."""
    cosine = np.clip((unit(first) * unit(second)).sum(1), -1, 1)
    return np.stack([cosine, np.sqrt(1 - cosine**2)], 1)


def side_by_side(first: Matrix, second: Matrix) -> Matrix:
    """[n, 2 * D]: the vectors of both texts; similar pairs have similar texts on each side."""
    return np.concatenate([unit(first), unit(second)], 1)
