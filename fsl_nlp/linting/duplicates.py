"""Groups of texts that say the same in nearly the same words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.vectors import Matrix, unit

# Cosine of vectors whose mean is at the origin, which makes encoders alike: plain cosines of other
# texts are near 0.3 with all-MiniLM-L6-v2, and near 0.9 with multilingual-e5-small. Chosen by
# reading pairs of the training files of BANKING77, CLINC150 and SMP2017 (docs/results): above 0.95
# pairs ask the same; below it some ask the opposite ("put on my list", "take off my list").
SIMILARITY = 0.95
# With fewer texts their mean says more about them than about the encoder.
_ENOUGH_FOR_A_MEAN = 20
_BLOCK = (
    512  # rows of a matrix of similarities: memory grows with the number of texts, not its square
)


def plain(text: str) -> str:
    """The letters and digits of a text; texts that are equal so say the same.

    >>> plain("Where is it?!") == plain("where is  it")
    True
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\W_]+", "", folded) or " ".join(text.split())


def group_duplicates(texts: Sequence[str], vectors: Matrix) -> NDArray[np.int64]:
    """For each text the first one that it repeats, or itself.

    >>> texts = ["where is it", "refund me", "Where is it?"]
    >>> group_duplicates(texts, np.eye(3, dtype=np.float32)).tolist()
    [0, 1, 0]
    """
    first: dict[str, int] = {}
    leader = np.array([first.setdefault(plain(text), i) for i, text in enumerate(texts)])
    if len(texts) < _ENOUGH_FOR_A_MEAN:
        return leader
    distinct = np.flatnonzero(leader == np.arange(len(texts)))
    groups = _group_similar(centred(vectors)[distinct])
    leader_of_distinct = dict(zip(distinct.tolist(), distinct[groups].tolist(), strict=True))
    return np.array([leader_of_distinct[i] for i in leader.tolist()])


def _group_similar(rows: Matrix) -> NDArray[np.int64]:
    """For each unit row the first one that it is similar to, or itself.

    The first of a group is similar to all others, so that groups do not grow along chains.
    """
    group = np.full(len(rows), -1)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK] @ rows[start:].T >= SIMILARITY
        for i, similar in enumerate(block, start):
            if group[i] < 0:
                later = np.flatnonzero(similar[i - start :]) + i
                group[later[group[later] < 0]] = i
                group[i] = i
    return group


def centred(vectors: Matrix) -> Matrix:
    """Unit vectors after their mean was moved to the origin."""
    rows = unit(vectors)
    return unit(rows - rows.mean(0))
