"""The report of `auto`: what was compared, what was chosen, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fsl_nlp.intervals import NORMAL_95
from fsl_nlp.output import percent

# A gain counts if it is this many standard errors above 0. A choice must be made, so this is less
# than the 95% that a claim would need; the words say which of the two a gain reaches.
BEYOND_NOISE = 1.0
CLEAR = "better, beyond the 95% interval"
LIKELY = "likely better: by more than one standard error, but within the 95% interval"
NO_GAIN = "not better by more than one standard error"


@dataclass(frozen=True)
class Candidate:
    """How one method did in the comparison.

    `accuracy` is the mean over classes. `gain` is the difference to the best method until then, on
    the same examples.
    """

    method: str
    note: str
    accuracy: float | None = None
    half_width: float | None = None  # of the 95% interval
    gain: float | None = None
    gain_error: float | None = None  # standard error
    held_out: int = 0
    seconds: float = 0.0

    @property
    def better(self) -> bool:
        """Whether it replaces the best method until then: a gain above one standard error."""
        return self.gain is not None and self.gain > BEYOND_NOISE * (self.gain_error or 0)

    @property
    def significant(self) -> bool:
        """Whether the 95% interval of the gain lies above zero."""
        return self.gain is not None and self.gain > NORMAL_95 * (self.gain_error or 0)


@dataclass(frozen=True)
class Report:
    """The choice of `auto`, the reason, and the comparison."""

    chosen: str
    why: str
    candidates: tuple[Candidate, ...]
    budget: float | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for JSON."""
        return {**asdict(self), "candidates": [asdict(c) for c in self.candidates]}

    def __str__(self) -> str:
        lines = [f"{'method':12} {'accuracy':>16} {'gain':>16} {'seconds':>8}  "]
        for c in self.candidates:
            accuracy, gain = accuracy_text(asdict(c)), gain_text(asdict(c))
            lines.append(f"{c.method:12} {accuracy:>16} {gain:>16} {c.seconds:8.1f}  {c.note}")
        return "\n".join([*lines, f"{self.chosen}: {self.why}"])


def accuracy_text(candidate: Mapping[str, Any]) -> str:
    """The accuracy of a candidate of `Report.to_dict`, with its 95% interval.

    >>> accuracy_text({"accuracy": 0.794, "half_width": 0.051})
    '79.4% ± 5.1%'
    """
    accuracy = candidate["accuracy"]
    return "-" if accuracy is None else percent(accuracy, candidate["half_width"], 1)


def gain_text(candidate: Mapping[str, Any]) -> str:
    """The gain of a candidate of `Report.to_dict`, with its 95% interval.

    >>> gain_text({"gain": 0.02, "gain_error": 0.01})
    '+2.0% ± 2.0%'
    """
    gain, error = candidate["gain"], candidate["gain_error"]
    return "-" if gain is None else percent(gain, error and NORMAL_95 * error, 1, sign="+")


def verdict(candidate: Candidate) -> str:
    """What the gain of a candidate means, in words.

    >>> verdict(Candidate("full", "", gain=0.014, gain_error=0.009))
    'likely better: by more than one standard error, but within the 95% interval'
    """
    if not candidate.better:
        return NO_GAIN
    return CLEAR if candidate.significant else LIKELY
