"""Learning from unlabelled examples: what is believed of them flows between neighbours.

Label spreading (Zhou et al. 2004, "Learning with local and global consistency"), begun from what a
first classifier believes of each example instead of from nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import brentq

from fsl_nlp.decision import softmax
from fsl_nlp.heads.base import Head, State, pack
from fsl_nlp.methods.reading import Matrix

# docs/tuning.md has what these were chosen on.
NEIGHBOURS = 10
PASSED_ON = 0.8  # of what is believed of an example, the share that comes from its neighbours
_KNOWN = 2.0  # what a label counts, where the beliefs in an unlabelled example add up to 1
_NEARNESS_POWER = 3  # of a cosine: near neighbours count for more
_ROUNDS = 30  # 0.8 ** 30 is nothing that would change an answer
_UNSEEN = 10  # every tenth is kept back to find the temperature on
_AT_ONCE = 1024  # rows whose neighbours are looked for together


def fit_with_unlabelled(
    head: Head,
    rows: Matrix,
    classes: Sequence[int],
    others: Matrix,
    beliefs: NDArray[np.floating[Any]],
) -> tuple[State, float]:
    """The head, fitted on labelled rows [n, D] and on others [m, D], and its temperature.

    `beliefs` [m, N] is what a classifier of the labelled rows thinks of the others. The new one is
    made as sure on average as that one was, on a part of the others that it has not seen.
    """
    count = beliefs.shape[1]
    known = _KNOWN * np.eye(count, dtype=np.float32)[list(classes)]
    vectors = np.concatenate([rows, others])
    found = propagate(vectors, np.concatenate([known, beliefs]))[len(rows) :]
    told = np.concatenate([classes, found.argmax(1)])
    trust = np.concatenate([np.ones(len(rows), np.float32), found.max(1)])

    def fitted(kept: NDArray[np.bool_]) -> State:
        support, weights, places = pack(vectors[kept], told[kept].tolist(), count)
        weights.view(-1)[torch.from_numpy(places)] = torch.from_numpy(trust[kept])
        return head.fit(support, weights)

    unseen = np.arange(len(vectors)) >= len(rows)
    unseen[len(rows) :] = np.arange(len(others)) % _UNSEEN == 0
    asked = torch.from_numpy(vectors[unseen])[None]
    scores = head.score(fitted(~unseen), asked)[0].numpy()
    confidence = float(beliefs[unseen[len(rows) :]].max(1).mean())
    return fitted(unseen | True), _as_sure(scores, confidence)


def propagate(vectors: Matrix, start: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Beliefs [n, N], each row adding up to 1, from those at the start and those of neighbours."""
    graph = _neighbours(vectors)
    begun = start.astype(np.float32)
    found = begun
    for _ in range(_ROUNDS):
        found = PASSED_ON * (graph @ found) + (1 - PASSED_ON) * begun
    result: NDArray[np.float32] = found / np.maximum(found.sum(1, keepdims=True), 1e-12)
    return result


def _neighbours(vectors: Matrix) -> sparse.csr_array:
    """[n, n]: how near each is to its nearest, scaled so that no example outweighs others."""
    # Vectors of some encoders all point much the same way.
    centred = vectors - vectors.mean(0)
    unit = torch.from_numpy(centred / np.maximum(np.linalg.norm(centred, axis=1), 1e-12)[:, None])
    count = len(unit)
    width = min(NEIGHBOURS, count - 1)
    nearness, places = [], []
    for first in range(0, count, _AT_ONCE):
        cosines = unit[first : first + _AT_ONCE] @ unit.T
        own = torch.arange(len(cosines))
        cosines[own, first + own] = -torch.inf
        best = cosines.topk(width, 1)
        nearness.append(best.values.clamp(min=0) ** _NEARNESS_POWER)
        places.append(best.indices)
    starts = np.arange(count + 1) * width
    data = torch.cat(nearness).numpy().ravel(), torch.cat(places).numpy().ravel(), starts
    graph = sparse.csr_array(data, shape=(count, count))
    graph = (graph + graph.T) / 2
    scale = sparse.diags_array(np.maximum(graph.sum(1), 1e-9) ** -0.5)
    return sparse.csr_array(scale @ graph @ scale, dtype=np.float32)


def _as_sure(scores: NDArray[np.float32], confidence: float) -> float:
    """The temperature at which the mean confidence is this."""

    def excess(log_temperature: float) -> float:
        return float(softmax(scores / np.exp(log_temperature)).max(1).mean() - confidence)

    low, high = -10.0, 10.0
    # All scores alike, or a confidence that no temperature gives.
    if excess(low) * excess(high) >= 0:
        return 1.0
    return float(np.exp(brentq(excess, low, high, xtol=1e-4)))
