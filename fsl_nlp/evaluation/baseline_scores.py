"""Published scores of how likely a text is in scope, from what any classifier shows of it.

Each is higher for a text that is more likely to be in scope. The scores of some methods are
logarithms of probabilities (`knn`, `full`, `together`): then `max_logit` orders texts as
`max_probability` does, and `energy` says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.vectors import unit

Values = NDArray[np.floating[Any]]

# Chosen on the validation files of CLINC150 and of BANKING77 with held-out intents.
SHRINKAGE = 0.9


@dataclass(frozen=True)
class Trained:
    """The vectors [m, D] of the training texts, and the column of each one's label [m]."""

    vectors: Values
    classes: NDArray[np.int64]


def max_probability(outputs: Outputs, trained: Trained) -> Values:
    """The confidence (Hendrycks and Gimpel 2017, arXiv 1610.02136)."""
    best: Values = softmax(outputs.scores).max(axis=1)
    return best


def max_logit(outputs: Outputs, trained: Trained) -> Values:
    """The highest score before the softmax (Hendrycks et al. 2022, arXiv 1911.11132)."""
    best: Values = outputs.scores.max(axis=1)
    return best


def energy(outputs: Outputs, trained: Trained) -> Values:
    """The logarithm of the sum of the exponentials of the scores (Liu et al. 2020, 2010.03759)."""
    best = outputs.scores.max(axis=1, keepdims=True).astype(np.float64)
    total: Values = np.log(np.exp(outputs.scores - best).sum(axis=1)) + best[:, 0]
    return total


def nearest_cosine(outputs: Outputs, trained: Trained) -> Values:
    """The cosine to the nearest training text."""
    best: Values = (unit(outputs.vectors) @ unit(trained.vectors).T).max(axis=1)
    return best


def mahalanobis(outputs: Outputs, trained: Trained, shrinkage: float = SHRINKAGE) -> Values:
    """Minus the relative Mahalanobis distance to the nearest class (Ren et al. 2021, 2106.09022).

    That is the distance to the class less the distance to the training texts as a whole. The
    covariances are shrunk towards a multiple of the identity, because few texts leave most
    directions without any spread.
    """
    vectors, texts = unit(outputs.vectors), unit(trained.vectors)
    present, classes = np.unique(trained.classes, return_inverse=True)
    means = np.stack([texts[classes == c].mean(axis=0) for c in range(len(present))])
    centre = texts.mean(axis=0, keepdims=True)
    whole, within = texts - centre, texts - means[classes]
    if not within.any():  # one text a class
        within = whole
    to_class = _distances(vectors, means, within, shrinkage).min(axis=1)
    distance: Values = to_class - _distances(vectors, centre, whole, shrinkage)[:, 0]
    return -distance


def _distances(vectors: Values, means: Values, residuals: Values, shrinkage: float) -> Values:
    """Squared Mahalanobis distances [q, c] to the means, with the covariance of the residuals."""
    width = residuals.shape[1]
    covariance = residuals.T.astype(np.float64) @ residuals / len(residuals)
    scale = np.trace(covariance) / width or 1.0  # a single text has no spread at all
    shrunk = (1 - shrinkage) * covariance + shrinkage * scale * np.eye(width)
    whitening = np.linalg.inv(np.linalg.cholesky(shrunk)).T
    points, centres = vectors @ whitening, means @ whitening
    squares = (points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)
    distances: Values = squares - 2 * points @ centres.T
    return distances


BASELINES: dict[str, Callable[[Outputs, Trained], Values]] = {
    "max probability": max_probability,
    "max logit": max_logit,
    "energy": energy,
    "relative Mahalanobis": mahalanobis,
    "nearest cosine": nearest_cosine,
}
