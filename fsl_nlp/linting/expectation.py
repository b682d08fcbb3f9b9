"""What accuracy to expect, and what more texts would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.linting.crossfit import CrossFit, Floats, Integers
from fsl_nlp.types import Label

MORE = 10  # texts of an intent
SHARE = 0.5  # of the texts, for the second point of the learning curve
_RESAMPLES = 500
# Of a power law: error = a * texts^-slope. Steeper curves than this come from chance.
_STEEPEST = 1.0


@dataclass(frozen=True, slots=True)
class Gain:
    """What ten more texts of an intent would add to accuracy, with a 95% interval.

    `label` is None for ten more texts of every intent. `accuracy` is that of the intent's texts
    now. The numbers are shares: 0.01 is one point.
    """

    label: Label | None
    value: float
    low: float
    high: float
    accuracy: float

    @property
    def is_clear(self) -> bool:
        """Whether the data can tell that it would help."""
        return self.low > 0


def expected_gains(
    whole: CrossFit, part: CrossFit, labels: Sequence[Label], seed: int
) -> tuple[Gain | None, list[Gain]]:
    """The gain of ten more texts of every intent, and of each intent, the largest first.

    `part` learned from a share `SHARE` of the texts. Errors fall as a power of the number of
    texts; the exponent is that of all intents together, from these two points. The interval is a
    bootstrap over texts.
    """
    rows = np.flatnonzero(whole.held_out)
    if len(rows) < 2:
        return None, []
    count = len(labels)
    classes = whole.classes[rows]
    wrong = np.stack([~whole.is_right[rows], ~part.is_right[rows]])  # [2, n]
    sizes = np.bincount(whole.classes, minlength=count)
    generator = np.random.default_rng(seed)
    draws = [np.arange(len(rows))]
    draws += [generator.integers(len(rows), size=len(rows)) for _ in range(_RESAMPLES)]
    gains = np.stack([_gains(wrong[:, draw], classes[draw], sizes) for draw in draws])
    low, high = np.quantile(gains[1:], (0.025, 0.975), axis=0)
    right = 1 - _share(wrong[0], classes, count)

    def gain(label: Label | None, i: int, accuracy: float) -> Gain:
        return Gain(label, float(gains[0, i]), float(low[i]), float(high[i]), accuracy)

    single = [gain(labels[c], c, float(right[c])) for c in np.unique(classes).tolist()]
    single.sort(key=lambda item: (-item.value, str(item.label)))
    return gain(None, count, float(1 - wrong[0].mean())), single


def _gains(wrong: NDArray[np.bool_], classes: Integers, sizes: Integers) -> Floats:
    """[N + 1]: the gain in accuracy of ten more texts of each class, and of all."""
    errors = wrong.mean(1)
    slope = 0.0
    if errors[0] > 0 and errors[1] > errors[0]:
        slope = min(float(np.log(errors[1] / errors[0]) / np.log(1 / SHARE)), _STEEPEST)
    lost = np.bincount(classes, wrong[0], minlength=len(sizes)) / len(classes)
    gains = lost * (1 - (sizes / (sizes + MORE)) ** slope)
    return np.append(gains, gains.sum())


def _share(wrong: NDArray[np.bool_], classes: Integers, count: int) -> Floats:
    sizes = np.bincount(classes, minlength=count)
    result: Floats = np.bincount(classes, wrong, minlength=count) / np.maximum(sizes, 1)
    return result
