"""Intervals of 95%, as half-widths."""

from __future__ import annotations

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
