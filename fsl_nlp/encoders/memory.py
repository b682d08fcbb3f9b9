"""Vectors that this process computed before."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from fsl_nlp.vectors import Matrix

LIMIT = 300 << 20  # bytes of vectors: 200,000 of 384 dimensions

_keeps_nothing: ContextVar[bool] = ContextVar("keeps_nothing", default=False)


@contextmanager
def nothing_kept() -> Iterator[None]:
    """In here no vector is remembered, in memory or on disk."""
    token = _keeps_nothing.set(True)
    try:
        yield
    finally:
        _keeps_nothing.reset(token)


def keeps_nothing() -> bool:
    """Whether this is called inside `nothing_kept`."""
    return _keeps_nothing.get()


class Memory:
    """Vectors by key; beyond the limit the oldest go. Safe to share between threads."""

    def __init__(self) -> None:
        self._vectors: OrderedDict[bytes, Matrix] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Matrix]:
        """Those that are there."""
        return {key: v for key in keys if (v := self._vectors.get(key)) is not None}

    def put(self, vectors: Mapping[bytes, Matrix]) -> None:
        with self._lock:
            for key, vector in vectors.items():
                if key not in self._vectors:
                    self._bytes += vector.nbytes
                    self._vectors[key] = vector
            while self._bytes > LIMIT:
                _, oldest = self._vectors.popitem(last=False)
                self._bytes -= oldest.nbytes

    def clear(self) -> None:
        with self._lock:
            self._vectors.clear()
            self._bytes = 0
