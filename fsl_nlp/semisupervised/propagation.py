"""Learning from unlabelled examples: what is believed of them flows between neighbours.

Label spreading (Zhou et al. 2004, "Learning with local and global consistency"), begun from what a
first classifier believes of each example instead of from nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from fsl_nlp.decision import softmax
from fsl_nlp.heads.base import Head, State, pack
from fsl_nlp.vectors import Matrix, unit

if TYPE_CHECKING:
    from scipy import sparse

# docs/tuning.md has what these were chosen on.
NEIGHBOURS = 10
PASSED_ON = 0.8  # of what is believed of an example, the share that comes from its neighbours
_KNOWN = 2.0  # what a label counts, where the beliefs in an unlabelled example add up to 1
_NEARNESS_POWER = 3  # of a cosine: near neighbours count for more
_ROUNDS = 30  # 0.8 ** 30 is nothing that would change an answer
# To find the temperature on: every tenth text is kept back, of fewer than so many every second.
_UNSEEN, _MANY = 10, 200
_OF_EACH = 500  # texts of a class that the head is fitted on; more change little and take memory
_AT_ONCE = 1 << 24  # cosines that are computed together: 64 MB


def fit_with_unlabelled(
    head: Head,
    rows: Matrix,
    classes: Sequence[int],
    others: Matrix,
    beliefs: NDArray[np.floating[Any]],
    usual: float,
) -> tuple[State, float]:
    """The head, fitted on labelled rows [n, D] and on others [m, D], and its temperature.

    `beliefs` [m, N] is what a classifier of the labelled rows thinks of the others. The new one is
    made as sure on average as that one was, on a part of the others that it has not seen; where no
    temperature does that, it is the `usual` one.
    """
    count = beliefs.shape[1]
    known = _KNOWN * np.eye(count, dtype=np.float32)[list(classes)]
    vectors = np.concatenate([rows, others])
    found = propagate(vectors, np.concatenate([known, beliefs]))[len(rows) :]
    told = np.concatenate([classes, found.argmax(1)]).astype(np.int64)
    trust = np.concatenate([np.ones(len(rows), np.float32), found.max(1)])

    def fitted(places: NDArray[np.int64]) -> State:
        support, weights, packed = pack(vectors[places], told[places].tolist(), count)
        weights.view(-1)[torch.from_numpy(packed)] = torch.from_numpy(trust[places])
        return head.fit(support, weights)

    labelled = np.arange(len(rows))
    used = len(rows) + _some_of_each(told[len(rows) :], found.max(1))
    unseen = used[:: _UNSEEN if len(used) >= _MANY else 2]
    seen = np.setdiff1d(used, unseen)
    asked = torch.from_numpy(vectors[unseen])[None]
    scores = head.score(fitted(np.concatenate([labelled, seen])), asked)[0].numpy()
    confidence = float(beliefs[unseen - len(rows)].max(1).mean())
    state = fitted(np.concatenate([labelled, used]))
    return state, _as_sure(scores, confidence) or usual


def _some_of_each(told: NDArray[np.int64], sureness: NDArray[np.float32]) -> NDArray[np.int64]:
    """The places of at most so many of each class, evenly from the surest to the least sure."""
    chosen = []
    for label in np.unique(told):
        places = np.flatnonzero(told == label)
        places = places[np.argsort(-sureness[places], kind="stable")]
        even = np.linspace(0, len(places) - 1, min(len(places), _OF_EACH)).round().astype(int)
        chosen.append(places[even])
    return np.sort(np.concatenate(chosen))


def propagate(vectors: Matrix, start: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Beliefs [n, N], each row adding up to 1, from those at the start and those of neighbours."""
    # A text that is there many times counts once: it would have itself for all its neighbours.
    distinct, place, times = np.unique(vectors, axis=0, return_inverse=True, return_counts=True)
    begun = np.zeros((len(distinct), start.shape[1]), np.float32)
    np.add.at(begun, place, start.astype(np.float32) / times[place, None])
    graph = _neighbours(distinct)
    found = begun
    for _ in range(_ROUNDS):
        found = PASSED_ON * (graph @ found) + (1 - PASSED_ON) * begun
    found = found / np.maximum(found.sum(1, keepdims=True), 1e-12)
    result: NDArray[np.float32] = found[place]
    return result


def _neighbours(vectors: Matrix) -> sparse.csr_array:
    """[n, n]: how near each is to its nearest, scaled so that no example outweighs others."""
    from scipy import sparse

    # Vectors of some encoders all point much the same way. (A pair is an angle: seen from the
    # middle of an arc there are only two directions.)
    seen = vectors - vectors.mean(0) if vectors.shape[1] > 2 else vectors
    directions = torch.from_numpy(unit(seen))
    count = len(directions)
    width = min(NEIGHBOURS, count - 1)
    if width == 0:
        return sparse.csr_array((count, count), dtype=np.float32)
    nearness, places = [], []
    for first in range(0, count, block := max(1, _AT_ONCE // count)):
        cosines = directions[first : first + block] @ directions.T
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


def _as_sure(scores: NDArray[np.float32], confidence: float) -> float | None:
    """The temperature at which the mean confidence is this; None if there is none."""
    from scipy.optimize import brentq

    def excess(log_temperature: float) -> float:
        return float(softmax(scores / np.exp(log_temperature)).max(1).mean() - confidence)

    low, high = -10.0, 10.0
    if excess(low) * excess(high) >= 0:  # all scores alike, or a confidence of 1
        return None
    return float(np.exp(brentq(excess, low, high, xtol=1e-4)))
