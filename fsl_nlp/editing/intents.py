"""Candidate labels: groups of questions that a classifier does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.editing.naming import name_of
from fsl_nlp.types import Label
from fsl_nlp.vectors import Matrix, unit

FEWEST = 3  # different texts in a group
_MOST = 4000  # texts that are grouped: time and memory grow with the square
# Texts of a log are less alike than the examples that somebody writes for a label. Chosen on the
# validation texts of CLINC150: see docs/how-to/edit.md.
_LOOSENESS = 0.8
_LEAST_PAIRS = 1  # labels with so many pairs of examples say how alike the texts of a label are


@dataclass(frozen=True)
class CandidateLabel:
    """A group of texts that may deserve a label of their own.

    `count` is how often they were asked, repeats included. `texts` are the different ones, the
    most typical first.

    >>> CandidateLabel("gift wrap", 5, ("can you gift wrap it", "gift wrap?")).count
    5
    """

    name: str
    count: int
    texts: tuple[str, ...]


def candidate_labels(
    texts: Sequence[str],
    counts: Sequence[int],
    vectors: Matrix,
    others: Sequence[str],
    similarity: float,
    labels: Sequence[Label],
) -> tuple[CandidateLabel, ...]:
    """Groups of the texts, whose vectors are [n, D], the largest first.

    Two texts are in one group if its texts are about as alike as `similarity`, a cosine. `others`
    are texts to tell the names from.
    """
    if len(texts) < FEWEST:
        return ()
    texts, counts, vectors = texts[:_MOST], counts[:_MOST], unit(vectors[:_MOST])
    groups = [rows for rows in groups_of(vectors, similarity) if len(rows) >= FEWEST]
    groups.sort(key=lambda rows: (-sum(counts[i] for i in rows), int(rows[0])))
    found: list[CandidateLabel] = []
    taken: set[object] = set(labels)
    for rows in groups:
        closeness = vectors[rows] @ vectors[rows].mean(0)
        ordered = rows[np.argsort(-closeness, kind="stable")]
        inside = set(ordered.tolist())
        rest = [*others, *(text for i, text in enumerate(texts) if i not in inside)]
        members = tuple(texts[i] for i in ordered)
        name = name_of(members, rest, taken)
        taken.add(name)
        found.append(CandidateLabel(name, sum(counts[i] for i in rows), members))
    return tuple(found)


def groups_of(vectors: Matrix, similarity: float) -> list[NDArray[np.int64]]:
    """The rows of each group: average linkage, cut where the mean cosine is `similarity`."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(1 - vectors @ vectors.T, 0, 2).astype(np.float64)
    np.fill_diagonal(distances, 0)
    tree: Any = linkage(squareform(distances, checks=False), "average")
    groups = fcluster(tree, 1 - similarity, "distance")
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]


def similarity_within(vectors: Matrix, classes: NDArray[np.int64]) -> float:
    """How alike the texts of one label are: the median over labels of their mean cosine."""
    rows = unit(vectors)
    means = []
    for c in np.unique(classes):
        own = rows[classes == c]
        if len(own) > _LEAST_PAIRS:
            total = float((own.sum(0) ** 2).sum()) - len(own)
            means.append(total / (len(own) * (len(own) - 1)))
    return _LOOSENESS * float(np.median(means)) if means else 0.5
