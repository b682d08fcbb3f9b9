"""When a classifier answers, and when it says that it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.expectation import Expectation
from fsl_nlp.decision.familiarity import Familiarity
from fsl_nlp.decision.label_sets import Conformity
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.decision.verdict import AMBIGUOUS, OK, OUT_OF_SCOPE, Verdict

# A second label with this probability is worth asking about: one such question in four means it.
WORTH_ASKING = 0.25
# A best label with less than this is more often wrong than right.
RATHER_WRONG = 0.5
_FAMILIARITY, _CONFORMITY = "familiarity.", "conformity."


@dataclass(frozen=True)
class Decision:
    """The thresholds of a fitted classifier.

    An example is out of scope if its familiarity is below `least_familiarity`. It is not answered
    either if its certainty, the confidence times the probability that it is in scope, is below
    `least_certainty`. `expected` is what held-out examples show of the thresholds, and `conformity`
    is what label sets need of them.
    """

    familiarity: Familiarity
    least_familiarity: float = -np.inf
    least_certainty: float = 0.0
    expected: Expectation | None = None
    conformity: Conformity | None = None

    def verdicts(self, outputs: Outputs) -> list[Verdict]:
        """The verdict on each example."""
        if not len(outputs):
            return []
        score = self.familiarity.score(outputs)
        in_scope = self.familiarity.probability(score)
        probabilities = np.sort(softmax(outputs.scores), axis=1)[:, ::-1]
        best = probabilities[:, 0]
        second = probabilities[:, 1] if probabilities.shape[1] > 1 else 0 * score
        asks = (second >= WORTH_ASKING) | (best < RATHER_WRONG)
        out_of_scope = score < self.least_familiarity
        unsure = best * in_scope < self.least_certainty
        return [
            Verdict(_reason(s, u, p, a), not (s or u), float(p))
            for s, u, p, a in zip(out_of_scope, unsure, in_scope, asks, strict=True)
        ]

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and settings that JSON can hold."""
        arrays, settings = self.familiarity.state()
        conforming = self.conformity.state() if self.conformity else {}
        named = {f"{_FAMILIARITY}{name}": array for name, array in arrays.items()}
        named |= {f"{_CONFORMITY}{name}": array for name, array in conforming.items()}
        return named, {
            "familiarity": settings,
            "least_familiarity": _finite(self.least_familiarity),
            "least_certainty": self.least_certainty,
            "expected": self.expected.to_dict() if self.expected else None,
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Decision:
        """The decision that `state` gave."""
        least, expected = settings["least_familiarity"], settings["expected"]
        conforming = _named(arrays, _CONFORMITY)
        return cls(
            Familiarity.restore(_named(arrays, _FAMILIARITY), settings["familiarity"]),
            -np.inf if least is None else float(least),
            float(settings["least_certainty"]),
            Expectation.of_dict(expected) if expected else None,
            Conformity.restore(conforming) if conforming else None,
        )


def _reason(out_of_scope: bool, unsure: bool, in_scope: float, asks: bool) -> str:
    if out_of_scope or (unsure and in_scope < 0.5):
        return OUT_OF_SCOPE
    return AMBIGUOUS if unsure or asks else OK


def _named(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    named = {name: array for name, array in arrays.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): array for name, array in named.items()}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
