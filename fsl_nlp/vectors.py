"""What is done to vectors wherever they are numpy's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def unit(vectors: Matrix) -> Matrix:
    """Rows of length 1; one of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Matrix = vectors / np.maximum(lengths, 1e-12)
    return result
