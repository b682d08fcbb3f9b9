"""How the confidence of a classifier was calibrated, and how far it is from its accuracy.

Calibration divides the scores by one number, the temperature. The error is the expected calibration
error (Naeini et al. 2015): the mean distance between confidence and accuracy in bins of about equal
confidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.calibration_error import (
    BINS,
    calibration_error_interval,
    expected_calibration_error,
)
from fsl_nlp.decision.probabilities import Scores, fit_temperature, softmax

How = Literal["cross-fitted", "frozen vectors", "default", "option", "unlabelled texts", "members"]

# A bin of fewer examples than this has an accuracy that is mostly chance.
_EXAMPLES_PER_BIN = 20
_RESAMPLES = 200  # of the interval: every fit computes one
# With fewer held-out examples the error itself is mostly chance.
ENOUGH = 50

_WORDS: dict[How, str] = {
    "cross-fitted": "learned by cross-fitting",
    "frozen vectors": "learned on frozen vectors by cross-fitting",
    "default": "the usual one",
    "option": "the option `temperature`",
    "unlabelled texts": "learned on unlabelled texts",
    "members": "those of the members",
}


@dataclass(frozen=True)
class Calibration:
    """Where a temperature comes from, and the calibration error on examples that were held out.

    `held_out` examples were scored by classifiers that had not seen them. `error` and its 95%
    `interval` are shares; None where nothing was held out.

    >>> Calibration(0.3, 385, "cross-fitted", 0.021, (0.018, 0.05)).summary()
    'learned by cross-fitting on 385 examples; calibration error 2.1% (95%: 1.8 to 5.0)'
    """

    temperature: float
    held_out: int
    how: How
    error: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def supported(self) -> bool:
        """Whether enough examples were held out to say how good the confidence is."""
        return self.held_out >= ENOUGH

    def summary(self) -> str:
        """One line for a report.

        >>> Calibration(0.3, 0, "default").summary()
        'the usual one; its error is not known'
        """
        words = _WORDS[self.how]
        line = f"{words} on {self.held_out} examples" if self.held_out else words
        if self.error is None or self.interval is None:
            return f"{line}; its error is not known"
        low, high = (100 * bound for bound in self.interval)
        if not self.supported:
            return f"{line}, too few to say how good it is (error {low:.0f} to {high:.0f}%)"
        return f"{line}; calibration error {100 * self.error:.1f}% (95%: {low:.1f} to {high:.1f})"

    def to_dict(self) -> dict[str, Any]:
        """The record for JSON."""
        return {**asdict(self), "interval": self.interval and list(self.interval)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any] | None) -> Calibration | None:
        """The record that `to_dict` gave; None where a saved classifier has none."""
        if record is None:
            return None
        interval = record["interval"]
        return cls(**{**record, "interval": None if interval is None else tuple(interval)})


def calibrate(
    scores: Scores, targets: NDArray[np.int64], *, start: float, seed: int = 0
) -> Calibration:
    """The calibration of held-out scores [n, N] with their targets [n].

    With few examples the temperature stays near `start`.

    >>> scores = np.array([[4.0, 0.0], [0.0, 4.0]])
    >>> calibrate(scores, np.array([0, 1]), start=1.0).supported
    False
    """
    if len(targets) == 0:
        return Calibration(start, 0, "default")
    temperature = fit_temperature(scores, targets, start=start)
    if len(targets) == 1:  # no interval
        return Calibration(temperature, 1, "cross-fitted")
    probabilities = softmax(scores / temperature)
    judged = probabilities.max(1), probabilities.argmax(1) == targets, bins_for(len(targets))
    return Calibration(
        temperature,
        len(targets),
        "cross-fitted",
        expected_calibration_error(*judged),
        calibration_error_interval(*judged, resamples=_RESAMPLES, seed=seed),
    )


def bins_for(count: int) -> int:
    """So many bins that each has enough examples, at most `BINS`.

    >>> bins_for(60), bins_for(5000)
    (3, 15)
    """
    return min(max(count // _EXAMPLES_PER_BIN, 1), BINS)
