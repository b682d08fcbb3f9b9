"""From what a classifier shows of a text to its prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.types import Alternative, Label, Neighbour, Prediction


def decide(
    probabilities: NDArray[np.float64],
    labels: tuple[Label, ...],
    *,
    top_k: int,
    nearest: tuple[Neighbour, ...] = (),
    model_version: str = "",
    truncated: bool = False,
) -> Prediction:
    """The prediction for one row of probabilities, with the `top_k` - 1 best alternatives.

    >>> answer = decide(np.array([0.2, 0.8]), ("return", "track"), top_k=2)
    >>> answer.label, answer.confidence, answer.alternatives
    ('track', 0.8, (Alternative(label='return', confidence=0.2),))
    """
    order = np.argsort(-probabilities, kind="stable")
    best = probabilities[order[0]]
    second = probabilities[order[1]] if len(order) > 1 else 0.0
    return Prediction(
        label=labels[order[0]],
        confidence=float(best),
        margin=float(best - second),
        reason="ok",
        alternatives=tuple(Alternative(labels[i], float(probabilities[i])) for i in order[1:top_k]),
        nearest=nearest,
        model_version=model_version,
        truncated=truncated,
    )


def empty_prediction(model_version: str) -> Prediction:
    """The prediction for a blank text."""
    return Prediction(None, 0.0, 0.0, "empty", model_version=model_version)
