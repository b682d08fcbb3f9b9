"""Intervals of 95%.

One formula serves all values between 0 and 1: counts, means of episodes, and areas. It is Wilson's
(1927), with the number of cases that the variance of the value is worth. Unlike value ± 1.96
standard errors it has a width at 0 and 1, and stays between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NORMAL_95 = 1.959964  # half-width of a 95% interval, in standard errors

Ends = tuple[float, float]


def student_95(count: int) -> float:
    """Half-width of the 95% interval of a mean of `count` values, in standard errors.

    >>> round(student_95(5), 2), round(student_95(10_000), 2)
    (2.78, 1.96)
    """
    from scipy.stats import t

    return float(t.ppf(0.975, count - 1))


def half_width_of_mean(deviation: float, count: int) -> float:
    """Half of the 95% interval of a mean of `count` values (Student's t).

    >>> round(half_width_of_mean(1.0, 5), 2)
    1.24
    """
    return student_95(count) * deviation / count**0.5


def interval_of_share(hits: int, count: int) -> Ends:
    """The 95% interval of a share of `count` cases (Wilson 1927); it has a width at 0 and 1, too.

    >>> [round(end, 3) for end in interval_of_share(20, 20)]
    [0.839, 1.0]
    """
    return wilson(hits / count, count) if count else (0.0, 1.0)


def interval_of_mean(value: float, variance: float, count: int) -> Ends:
    """The 95% interval of a mean of `count` values between 0 and 1, such as episodes' accuracies.

    `variance` is that of the values. A mean has the variance of a share of
    value * (1 - value) / variance * count cases, and so the interval of one, with Student's t
    (Korn and Graubard 1998 do the same for surveys). Equal values say nothing of their variance:
    then the interval holds what is possible if no more values differ than Wilson's interval of
    0 among `count` allows.

    >>> [round(end, 3) for end in interval_of_mean(0.75, 0.04, 400)]
    [0.73, 0.769]
    >>> [round(end, 3) for end in interval_of_mean(1.0, 0.0, 400)]
    [0.99, 1.0]
    """
    if count < 2:
        return float("nan"), float("nan")
    critical = student_95(count)
    if variance <= _EQUAL:
        others = wilson(0.0, count, critical)[1]
        return value * (1 - others), value + (1 - value) * others
    return wilson(value, value * (1 - value) / variance * count, critical)


_EQUAL = 1e-15  # variance that is nothing but rounding errors


def wilson(share: float, count: float, critical: float = NORMAL_95) -> Ends:
    """The interval of a share of so many independent cases, which need not be a whole number.

    >>> [round(end, 3) for end in wilson(0.5, 100)]
    [0.404, 0.596]
    """
    square = critical * critical / count
    centre = share + square / 2
    half = (share * (1 - share) * square + square * square / 4) ** 0.5
    scale = 1 + square
    low, high = (centre - half) / scale, (centre + half) / scale
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def half_width_of_difference(gaps: Sequence[float]) -> float:
    """Half of the 95% interval of a mean of differences between -1 and 1; NaN for fewer than two.

    It is Student's t. Where all differences are equal, as few others as 0 among their number allows
    (Wilson 1927) may be up to 1 apart.

    >>> round(half_width_of_difference([0.1, 0.2, 0.3]), 2)
    0.25
    >>> round(half_width_of_difference([0.0] * 400), 3)
    0.01
    """
    from statistics import fmean

    count = len(gaps)
    if count < 2:
        return float("nan")
    mean = fmean(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / (count - 1)
    if variance <= _EQUAL:
        return wilson(0.0, count, student_95(count))[1]
    return half_width_of_mean(variance**0.5, count)


@dataclass(frozen=True)
class Share:
    """A share of `count` cases, with its 95% interval.

    >>> str(Share.of(9, 10))
    '90.0% (59.6% to 98.2%)'
    """

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, hits: int, count: int) -> Share:
        """The share of hits; (0 to 1) if there are no cases."""
        low, high = interval_of_share(hits, count)
        return cls(hits / count if count else 0.0, low, high, count)

    @property
    def half_width(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"
