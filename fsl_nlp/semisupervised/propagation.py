"""Label spreading between nearest neighbours.

Zhou et al. 2004, "Learning with local and global consistency". It starts from the probabilities
of a first classifier, where the paper starts from the labels only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from fsl_nlp.vectors import Matrix, unit

if TYPE_CHECKING:
    from scipy import sparse

# The chosen values: docs/results/what-was-tried.md.
NEIGHBOURS = 10
PASSED_ON = 0.8  # the share of an example's probabilities that comes from its neighbours
_NEARNESS_POWER = 3  # of a cosine: near neighbours count for more
_ROUNDS = 30  # 0.8 ** 30 is too small to change an answer
_AT_ONCE = 1 << 24  # cosines that are computed together: 64 MB


def propagate(vectors: Matrix, start: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Probabilities [n, N] after spreading, from `start` [n, N] and vectors [n, D].

    >>> vectors = np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 0, 1]], np.float32)
    >>> propagate(vectors, np.array([[1, 0], [0.5, 0.5], [0, 1]])).argmax(1).tolist()
    [0, 0, 1]
    """
    # A repeated text counts once: otherwise its copies would be all its neighbours.
    distinct, index, times = np.unique(vectors, axis=0, return_inverse=True, return_counts=True)
    initial = np.zeros((len(distinct), start.shape[1]), np.float32)
    np.add.at(initial, index, start.astype(np.float32) / times[index, None])
    graph = _neighbour_graph(distinct)
    mass = initial
    for _ in range(_ROUNDS):
        mass = PASSED_ON * (graph @ mass) + (1 - PASSED_ON) * initial
    mass = mass / np.maximum(mass.sum(1, keepdims=True), 1e-12)
    result: NDArray[np.float32] = mass[index]
    return result


def _neighbour_graph(vectors: Matrix) -> sparse.csr_array:
    """[n, n]: how near each is to its nearest, scaled so that no example outweighs others."""
    from scipy import sparse

    # Vectors of some encoders all point much the same way. (A pair is an angle: seen from the
    # middle of an arc there are only two directions.)
    centred = vectors - vectors.mean(0) if vectors.shape[1] > 2 else vectors
    directions = torch.from_numpy(unit(centred))
    count = len(directions)
    width = min(NEIGHBOURS, count - 1)
    if width == 0:
        return sparse.csr_array((count, count), dtype=np.float32)
    nearness, columns = [], []
    for first in range(0, count, block := max(1, _AT_ONCE // count)):
        cosines = directions[first : first + block] @ directions.T
        rows = torch.arange(len(cosines))
        cosines[rows, first + rows] = -torch.inf  # no example is its own neighbour
        best = cosines.topk(width, 1)
        nearness.append(best.values.clamp(min=0) ** _NEARNESS_POWER)
        columns.append(best.indices)
    starts = np.arange(count + 1) * width
    data = torch.cat(nearness).numpy().ravel(), torch.cat(columns).numpy().ravel(), starts
    graph = sparse.csr_array(data, shape=(count, count))
    graph = (graph + graph.T) / 2
    scale = sparse.diags_array(np.maximum(graph.sum(1), 1e-9) ** -0.5)
    return sparse.csr_array(scale @ graph @ scale, dtype=np.float32)
