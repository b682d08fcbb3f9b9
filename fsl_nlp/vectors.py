"""Operations on numpy vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def unit(vectors: Matrix) -> Matrix:
    """The rows scaled to length 1; rows of zeros stay.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Matrix = vectors / np.maximum(lengths, 1e-12)
    return result
