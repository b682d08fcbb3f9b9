"""What is decided of one example."""

from __future__ import annotations

from dataclasses import dataclass

# The reasons of a prediction.
OK, AMBIGUOUS, OUT_OF_SCOPE, EMPTY = "ok", "ambiguous", "out_of_scope", "empty"


@dataclass(frozen=True)
class Verdict:
    """The reason, whether the label is given, and the probability that the example is in scope."""

    reason: str = OK
    answers: bool = True
    in_scope: float | None = None


ANSWERS = Verdict()
