"""The threads of the BLAS library, which multiplies matrices for numpy and scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fsl_nlp.forks import Lock, renew_after_fork


class _Limit:
    """One thread for as long as any thread of the process needs it.

    The setting is that of the process: if each put back what it had read, the last one could put
    back the limit of another.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._limit: Any = None

    def enter(self) -> None:
        from threadpoolctl import threadpool_limits

        with self._lock:
            if not self._users:
                self._limit = threadpool_limits(1, user_api="blas")
                renew_after_fork(self)
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._limit.restore_original_limits()

    def after_fork(self) -> None:
        """The other users are not in this process."""
        if self._users:
            self._users = 0
            self._limit.restore_original_limits()


_limit = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Inside a `with` block BLAS computes with one thread, in the whole process."""
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()
