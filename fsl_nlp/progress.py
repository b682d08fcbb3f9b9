"""Progress bars: on a terminal, on stderr, and only for work that takes more than two seconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def track(total: int | None, title: str) -> Iterator[Callable[[int], object]]:
    """Gives a function to call with the number of things done since the last call.

    TQDM_DISABLE=1 in the environment silences it.
    """
    from tqdm import tqdm

    # None: shown on a terminal only. Given so, it would override the variable.
    disable = bool(os.environ.get("TQDM_DISABLE")) or None
    with tqdm(total=total, desc=title, delay=2, leave=False, disable=disable) as bar:
        yield bar.update
