"""Intervals of 95%."""

from __future__ import annotations

from dataclasses import dataclass

NORMAL_95 = 1.959964  # half-width of a 95% interval, in standard errors


def half_width_of_share(share: float, count: int) -> float:
    """Half of the 95% interval of a share of `count` cases, by the normal approximation.

    NaN for fewer than two cases.

    >>> round(half_width_of_share(0.5, 100), 3)
    0.098
    """
    return NORMAL_95 * float((share * (1 - share) / count) ** 0.5) if count > 1 else float("nan")


def half_width_of_mean(deviation: float, count: int) -> float:
    """Half of the 95% interval of a mean of `count` values (Student's t).

    >>> round(half_width_of_mean(1.0, 5), 2)
    1.24
    """
    from scipy.stats import t

    return float(t.ppf(0.975, count - 1)) * deviation / count**0.5


def interval_of_share(hits: int, count: int) -> tuple[float, float]:
    """The 95% interval of a share of `count` cases (Wilson 1927); it has a width at 0 and 1, too.

    >>> [round(end, 3) for end in interval_of_share(20, 20)]
    [0.839, 1.0]
    """
    if count == 0:
        return 0.0, 1.0
    share, z = hits / count, NORMAL_95
    centre = share + z * z / (2 * count)
    half = z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    scale = 1 + z * z / count
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


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

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"
