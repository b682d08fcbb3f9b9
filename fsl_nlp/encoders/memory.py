"""Vectors in memory, so that this process need not compute them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from fsl_nlp.forks import Lock
from fsl_nlp.vectors import Matrix

LIMIT = 300 << 20  # bytes of vectors: 200,000 of 384 dimensions


class Memory:
    """Vectors by key. Threads may share it. Above the limit, the oldest are removed."""

    def __init__(self) -> None:
        self._vectors: OrderedDict[bytes, Matrix] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Matrix]:
        """The stored vectors among `keys`."""
        return {key: v for key in keys if (v := self._vectors.get(key)) is not None}

    def put(self, vectors: Mapping[bytes, Matrix]) -> None:
        """Store vectors."""
        with self._lock:
            for key, vector in vectors.items():
                if key not in self._vectors:
                    self._bytes += vector.nbytes
                    self._vectors[key] = vector
            while self._bytes > LIMIT:
                _, oldest = self._vectors.popitem(last=False)
                self._bytes -= oldest.nbytes

    def clear(self) -> None:
        """Remove all vectors."""
        with self._lock:
            self._vectors.clear()
            self._bytes = 0


_temporary: ContextVar[Memory | None] = ContextVar("temporary", default=None)


@contextmanager
def without_caching() -> Iterator[None]:
    """Store no vector, in memory or on disk, beyond the end of a `with` block.

    Inside the block each text is still computed once. Vectors that are stored already are used.
    """
    token = _temporary.set(Memory())
    try:
        yield
    finally:
        _temporary.reset(token)


def temporary_memory() -> Memory | None:
    """The memory of the innermost `without_caching` block that the caller is in."""
    return _temporary.get()
