"""Progress bars: on a terminal, on stderr, and only for work that takes more than two seconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fsl_nlp.output import one_line


@contextmanager
def track(total: int | None, title: str) -> Iterator[Callable[[int], object]]:
    """A bar, and the function that moves it on by the number of things done.

    TQDM_DISABLE=1 in the environment hides it.

    >>> with track(100, "texts") as advance:
    ...     _ = advance(100)
    """
    from tqdm import tqdm

    # None shows it on a terminal only; but an explicit None would override the variable.
    disable = bool(os.environ.get("TQDM_DISABLE")) or None
    with tqdm(total=total, desc=one_line(title), delay=2, leave=False, disable=disable) as bar:
        yield bar.update
