"""From the outputs of a classifier for a text to its prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.verdict import ANSWERS, EMPTY, Verdict
from fsl_nlp.types import Alternative, Label, Neighbour, Prediction


def decide(
    probabilities: NDArray[np.float64],
    labels: tuple[Label, ...],
    *,
    top_k: int,
    nearest: tuple[Neighbour, ...] = (),
    model_version: str = "",
    truncated: bool = False,
    verdict: Verdict = ANSWERS,
) -> Prediction:
    """The prediction for one row of probabilities, with the `top_k` - 1 best alternatives.

    Where the verdict gives no answer, the best label is the first alternative.

    >>> answer = decide(np.array([0.2, 0.8]), ("return", "track"), top_k=2)
    >>> answer.label, answer.confidence, answer.alternatives
    ('track', 0.8, (Alternative(label='return', confidence=0.2),))
    """
    order = np.argsort(-probabilities, kind="stable")
    best = probabilities[order[0]]
    second = probabilities[order[1]] if len(order) > 1 else 0.0
    first = 1 if verdict.answers else 0
    return Prediction(
        label=labels[order[0]] if verdict.answers else None,
        confidence=float(best),
        margin=float(best - second),
        reason=verdict.reason,
        alternatives=tuple(
            Alternative(labels[i], float(probabilities[i])) for i in order[first:top_k]
        ),
        nearest=nearest,
        model_version=model_version,
        truncated=truncated,
        in_scope=verdict.in_scope,
    )


def empty_prediction(model_version: str) -> Prediction:
    """The prediction for a blank text."""
    return Prediction(None, 0.0, 0.0, EMPTY, model_version=model_version)
