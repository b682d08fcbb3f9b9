"""Predictions compared with the labels: accuracy, macro-F1, calibration and common mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.calibration_error import (
    calibration_error_interval,
    expected_calibration_error,
)
from fsl_nlp.errors import DataError, did_you_mean
from fsl_nlp.intervals import Share
from fsl_nlp.output import without_nan
from fsl_nlp.types import Label

Interval = tuple[float, float]

_NO_INTERVAL = (float("nan"), float("nan"))
_RESAMPLES = 1000
_INDICES_AT_ONCE = 1 << 19
_SHOWN = 5  # how many labels a message names, worst labels and confusions a report


@dataclass(frozen=True)
class LabelScore:
    """A label with the F1 and the number of its texts."""

    label: Label
    f1: float
    count: int


@dataclass(frozen=True)
class Confusion:
    """How many texts of `label` got the label `taken_for`."""

    label: Label
    taken_for: Label
    count: int


@dataclass(frozen=True)
class Score:
    """How well predictions match, with 95% intervals over the texts.

    That of the accuracy is Wilson's; those of macro-F1 and the calibration error are bootstrap
    intervals, and that of macro-F1 has at least the width of the accuracy's: where every text is
    right, resamples do not differ. A single text has none: then they are NaN. Without confidences
    there is no calibration error.
    """

    count: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    worst: tuple[LabelScore, ...]
    confused: tuple[Confusion, ...]
    calibration_error: float | None = None
    calibration_error_interval: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for JSON."""
        return dict(without_nan(asdict(self)))


def check_targets(targets: Sequence[Label | None], labels: Sequence[Label]) -> None:
    """Refuse targets that are not among the labels of a classifier."""
    label_set = set(labels)
    unknown = [label for label in dict.fromkeys(targets) if label not in label_set]
    if unknown:
        more = " and more" if len(unknown) > _SHOWN else ""
        names = [str(label) for label in labels]
        raise DataError(
            f"{len(unknown)} {'label is' if len(unknown) == 1 else 'labels are'} unknown to the "
            f"classifier: {', '.join(map(repr, unknown[:_SHOWN]))}{more}."
            f"{did_you_mean(str(unknown[0]), names)} "
            "Train it with examples of them, or leave these rows out."
        )


def score_predictions(
    targets: Sequence[Label | None],
    predicted: Sequence[Label],
    labels: Sequence[Label],
    *,
    confidence: NDArray[np.floating[Any]] | None = None,
    seed: int = 0,
    shown: int = _SHOWN,
) -> Score:
    """How well `predicted` matches `targets`, and the `confidence` of each the accuracy.

    `labels` are those of the classifier; macro-F1 is the mean over those among `targets`.

    >>> round(score_predictions(["a", "b", "b"], ["a", "b", "a"], ["a", "b"]).accuracy, 3)
    0.667
    """
    if len(targets) != len(predicted):
        raise DataError(f"There are {len(targets)} targets and {len(predicted)} predictions.")
    if len(targets) == 0:
        raise DataError("There are no texts to score.")
    check_targets(targets, labels)
    check_targets(predicted, labels)
    index: dict[Label | None, int] = {label: i for i, label in enumerate(labels)}
    true = np.array([index[label] for label in targets])
    guess = np.array([index[label] for label in predicted])
    f1 = _f1(true[None], guess[None], len(labels))[0]
    counts = np.bincount(true, minlength=len(labels))
    macro_f1 = float(np.nanmean(f1))
    accuracy = Share.of(int((true == guess).sum()), len(true))
    macro = _middle(_bootstrap(true, guess, len(labels), seed), len(true))
    worst = sorted((float(f1[i]), -int(counts[i]), i) for i in np.flatnonzero(counts).tolist())
    pairs = Counter((t, g) for t, g in zip(true.tolist(), guess.tolist(), strict=True) if t != g)
    error = error_interval = None
    if confidence is not None:
        error = expected_calibration_error(confidence, true == guess)
        error_interval = calibration_error_interval(confidence, true == guess, seed=seed)
    return Score(
        count=len(true),
        accuracy=accuracy.value,
        accuracy_interval=(accuracy.low, accuracy.high) if len(true) > 1 else _NO_INTERVAL,
        macro_f1=macro_f1,
        macro_f1_interval=_at_least_as_wide(macro, macro_f1, accuracy),
        worst=tuple(
            LabelScore(labels[i], value, -count) for value, count, i in worst[:shown] if value < 1
        ),
        confused=tuple(
            Confusion(labels[t], labels[g], n) for (t, g), n in pairs.most_common(shown)
        ),
        calibration_error=error,
        calibration_error_interval=error_interval,
    )


def _bootstrap(
    true: NDArray[Any], guess: NDArray[Any], count: int, seed: int
) -> NDArray[np.float64]:
    """Macro-F1 of each resample, [R].

    The resamples are drawn in parts: all R * n indices at once would be 800 MB for 100,000 texts.
    The result does not depend on the size of a part.
    """
    rng = np.random.default_rng(seed)
    at_once = max(1, _INDICES_AT_ONCE // len(true))
    macro = []
    for start in range(0, _RESAMPLES, at_once):
        indices = rng.integers(0, len(true), (min(at_once, _RESAMPLES - start), len(true)))
        targets, predictions = true[indices], guess[indices]
        macro.append(np.nanmean(_f1(targets, predictions, count), axis=1))
    return np.concatenate(macro)


def _f1(true: NDArray[Any], guess: NDArray[Any], count: int) -> NDArray[np.float64]:
    """F1 of each class, [R, N] for R samples [R, n]; NaN for a class that a sample lacks."""
    rows = np.arange(len(true))[:, None] * count
    size = len(true) * count

    def tally(values: NDArray[Any], weights: NDArray[Any] | None = None) -> NDArray[Any]:
        flat = (rows + values).ravel()
        chosen = weights.ravel() if weights is not None else None
        return np.bincount(flat, weights=chosen, minlength=size).reshape(len(true), count)

    hits = tally(true, true == guess)
    in_truth, in_guess = tally(true), tally(guess)
    with np.errstate(invalid="ignore"):
        return np.where(in_truth > 0, 2 * hits / (in_truth + in_guess), np.nan)


def _middle(values: NDArray[Any], count: int) -> Interval:
    if count < 2:
        return _NO_INTERVAL
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _at_least_as_wide(interval: Interval, value: float, accuracy: Share) -> Interval:
    """The interval, with ends that are as far from the value as the accuracy's at least."""
    low = max(0.0, value - (accuracy.value - accuracy.low))
    high = min(1.0, value + (accuracy.high - accuracy.value))
    return float(np.minimum(interval[0], low)), float(np.maximum(interval[1], high))
