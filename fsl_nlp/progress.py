"""Progress: bars on a terminal, for work that takes more than two seconds, or for a listener."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from fsl_nlp.output import one_line

if TYPE_CHECKING:
    from tqdm import tqdm


# What is done, how much of it, and of how much if that is known.
Listener = Callable[[str, int, int | None], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """A context whose work calls `listener` whenever a part of it is done, in the same thread.

    >>> with listening(print), track(100, "texts") as advance:
    ...     advance(40)
    texts 40 100
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(title: str, done: int, total: int | None = None) -> None:
    """Tell the listener, if there is one, of work that shows no bar."""
    if listener := _listener.get():
        listener(title, done, total)


@cache
def _bar_class() -> type[tqdm[Any]]:
    """tqdm without its lock between processes, which would fix their start method for everybody."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        _lock = threading.RLock()

    return Bar


@contextmanager
def track(total: int | None, title: str) -> Iterator[Callable[[int], object]]:
    """A bar, and the function that moves it on by the number of things done.

    TQDM_DISABLE=1 in the environment hides it.

    >>> with track(100, "texts") as advance:
    ...     _ = advance(100)
    """
    # None shows it on a terminal only; but an explicit None would override the variable.
    disable = bool(os.environ.get("TQDM_DISABLE")) or None
    bar_class, title = _bar_class(), one_line(title)
    with bar_class(total=total, desc=title, delay=2, leave=False, disable=disable) as bar:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            bar.update(count)
            report(title, done, total)

        yield advance
