"""Hostile texts, and when two answers are the same."""

from __future__ import annotations

from typing import Any

MEGABYTE = 1_000_000
GOOD = [
    "where is my parcel", "where is my order?", "I want my money back", "密码忘了", "我的快递",
    "refund\0me", "\0", "👨\u200d👩\u200d👧 lost my parcel", "🙂", "e\u0301\u0302" * 40,
    "\ufeffparcel", "\u202e\x1b[2J refund", "x" * 100_000, "parcel\r\n\r\npassword",
    "\U0010ffff", "\ufffd", "?!",
]  # fmt: skip
HUGE = ["x" * MEGABYTE, "refund me " * (MEGABYTE // 10), "我的快递" * (MEGABYTE // 12)]
BLANK = ["", " ", "\u3000\t\n", "\r\n"]
WRONG = [None, 3, 1.5, b"refund", ["refund"], "half \ud83d", "\udc00", object()]


def same(one: Any, other: Any, tolerance: float = 1e-5) -> bool:
    """Whether two answers are equal, numbers up to a tolerance."""
    if isinstance(one, float):
        return bool(abs(one - other) <= tolerance)
    if isinstance(one, dict):
        keys = one.keys()
        return keys == other.keys() and all(same(one[k], other[k], tolerance) for k in keys)
    if isinstance(one, (list, tuple)):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(same(a, b, tolerance) for a, b in pairs)
    return bool(one == other)
