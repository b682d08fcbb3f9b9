"""How much an example looks like what was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.shown import HeldOut, Shown
from fsl_nlp.vectors import Matrix, unit


@dataclass(frozen=True)
class Familiarity:
    """The largest score and the cosine to the nearest support text, each standardised, added."""

    support: Matrix
    centre: NDArray[np.float64]  # [2]
    spread: NDArray[np.float64]  # [2]
    slope: float
    offset: float

    def for_support(self, vectors: Matrix, classes: NDArray[np.int64]) -> Familiarity:
        """The same function of what is shown, beside another support."""
        return replace(self, support=unit(vectors))

    def score(self, shown: Shown) -> NDArray[np.float64]:
        """[q]; higher is more familiar."""
        signals = _signals(self.support, shown)
        result: NDArray[np.float64] = ((signals - self.centre) / self.spread).sum(1)
        return result

    def in_scope(self, shown: Shown) -> NDArray[np.float64]:
        """[q]: the probability that an example is in scope, if every second one is."""
        result: NDArray[np.float64] = 1 / (
            1 + np.exp(-(self.slope * self.score(shown) + self.offset))
        )
        return result

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and settings that JSON can hold."""
        arrays: dict[str, NDArray[Any]] = {
            "support": self.support,
            "centre": self.centre,
            "spread": self.spread,
        }
        return arrays, {"slope": self.slope, "offset": self.offset}

    @classmethod
    def restore(
        cls, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]
    ) -> Familiarity:
        """The familiarity that `state` gave."""
        return cls(arrays["support"], arrays["centre"], arrays["spread"], **settings)


def _signals(support: Matrix, shown: Shown) -> NDArray[np.float64]:
    nearest = (unit(shown.vectors) @ support.T).max(1)
    return np.stack([shown.scores.max(1), nearest], 1).astype(np.float64)


def fit_familiarity(
    vectors: Matrix,
    classes: NDArray[np.int64],
    held_out: Sequence[HeldOut],
    outsiders: Shown | None = None,
) -> Familiarity:
    """The familiarity of a classifier that was fitted on `vectors` [n, D] of these `classes`."""
    signals = np.concatenate(
        [
            _signals(unit(part.support_vectors), part.shown[part.classes >= 0])
            for part in held_out
            if (part.classes >= 0).any()
        ]
    )
    return Familiarity(unit(vectors), signals.mean(0), signals.std(0) + 1e-9, 2.0, 4.0)
