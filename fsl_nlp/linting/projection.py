"""A map of the sentences: vectors to positions in the plane."""

from __future__ import annotations

import numpy as np

from fsl_nlp.vectors import Matrix, unit

# t-SNE of so many texts takes about five seconds on one core, in so many steps.
_LANDMARKS = 1_500
_STEPS = 500
_NEAREST = 3
_BLOCK = 1_024
_PERPLEXITY = 15.0


def project(vectors: Matrix, seed: int = 0) -> Matrix:
    """Positions [n, 2] from -1 to 1: near each other if the vectors are.

    t-SNE (van der Maaten and Hinton 2008). With many texts it places a part of them, and the others
    go to the middle of their nearest three of this part.

    >>> project(np.eye(3, dtype=np.float32)).shape
    (3, 2)
    """
    rows = unit(vectors)
    count = len(rows)
    if count <= _LANDMARKS:
        return _scaled(_place(rows, seed))
    chosen = np.sort(np.random.default_rng(seed).choice(count, _LANDMARKS, replace=False))
    placed = _place(rows[chosen], seed)
    positions = np.empty((count, 2), np.float32)
    for start in range(0, count, _BLOCK):
        similarity = rows[start : start + _BLOCK] @ rows[chosen].T
        nearest = np.argpartition(-similarity, _NEAREST, axis=1)[:, :_NEAREST]
        weights = np.exp(20 * np.take_along_axis(similarity, nearest, 1))
        weights /= weights.sum(1, keepdims=True)
        positions[start : start + _BLOCK] = (placed[nearest] * weights[:, :, None]).sum(1)
    positions[chosen] = placed
    return _scaled(positions)


def _place(rows: Matrix, seed: int) -> Matrix:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if len(rows) < 5 or len(np.unique(rows, axis=0)) < 5:  # too few to have neighbours
        flat = np.zeros((len(rows), 2), np.float32)
        parts = min(2, len(rows) - 1, rows.shape[1])
        if parts > 0 and np.ptp(rows, axis=0).any():
            flat[:, :parts] = PCA(parts, random_state=seed).fit_transform(rows)
        return flat
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    model = TSNE(
        2,
        perplexity=perplexity,
        init="pca",
        metric="cosine",
        max_iter=_STEPS,
        random_state=seed,
    )
    return np.asarray(model.fit_transform(rows), np.float32)


def _scaled(positions: Matrix) -> Matrix:
    middle = (positions.max(0) + positions.min(0)) / 2
    size = float(np.abs(positions - middle).max())
    return np.asarray((positions - middle) / (size or 1.0), np.float32)
