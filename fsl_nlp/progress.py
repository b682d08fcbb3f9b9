"""Progress bars: on a terminal, on stderr, and only for work that takes more than two seconds."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from fsl_nlp.output import one_line

if TYPE_CHECKING:
    from tqdm import tqdm


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
        yield bar.update
