"""How a user says when a classifier must not answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from fsl_nlp.errors import OptionError

DEFAULT_REJECT = 0.05


@dataclass(frozen=True)
class Targets:
    """One of three ways to say it; with none of them the classifier answers every question.

    With `reject=0` it answers every question, too, and says how probably each is in scope.

    `reject` is the share of in-scope questions that may be turned away, `coverage` the share that
    must be answered, `precision` the share of the answers that must be right.
    """

    reject: float | None = DEFAULT_REJECT
    coverage: float | None = None
    precision: float | None = None

    @classmethod
    def of(cls, reject: object, coverage: object, precision: object) -> Targets:
        """The checked targets; `reject` gives way to another target if it is the default.

        >>> Targets.of(DEFAULT_REJECT, 0.9, None)
        Targets(reject=None, coverage=0.9, precision=None)
        """
        values = {"coverage": coverage, "precision": precision}
        if any(value is not None for value in values.values()) and reject == DEFAULT_REJECT:
            reject = None
        values = {"reject": reject, **values}
        named = [name for name, value in values.items() if value is not None]
        if len(named) > 1:
            raise OptionError(f"{named[0]} and {named[1]}: give one of them.")
        return cls(**{name: _share(name, value) for name, value in values.items()})

    @property
    def rejects(self) -> bool:
        """Whether there is a target at all."""
        return self != Targets(None)


def _share(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(float(value)):
        raise OptionError(f"{name}={value!r:.40}: must be a share such as 0.05, or None.")
    share = float(value)
    if name == "reject" and not 0 <= share < 1:
        raise OptionError(f"reject={value}: must be at least 0 and less than 1, such as 0.05.")
    if name != "reject" and not 0 < share <= 1:
        raise OptionError(f"{name}={value}: must be more than 0 and at most 1, such as 0.95.")
    return share
