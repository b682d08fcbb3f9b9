"""What Ctrl-C does to a training: it ends it early, or it ends all work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_early: ContextVar[bool] = ContextVar("ends_early", default=False)


@contextmanager
def ending_early(allowed: bool = True) -> Iterator[None]:
    """Inside a `with` block, Ctrl-C ends a training early, with its best epoch.

    Elsewhere it is a KeyboardInterrupt: where one training follows another, the user would have to
    stop each of them, and a benchmark would count a training that was cut short.

    >>> with ending_early():
    ...     ends_early()
    True
    """
    token = _ends_early.set(allowed)
    try:
        yield
    finally:
        _ends_early.reset(token)


def ends_early() -> bool:
    """Whether Ctrl-C ends a training with its best epoch."""
    return _ends_early.get()
