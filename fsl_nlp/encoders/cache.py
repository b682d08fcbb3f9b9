"""Vectors on disk, so that the next process need not compute them again.

One SQLite file: safe for several processes, and bounded in size. Only a hash of each text is
stored. The file can be deleted at any time.
"""

from __future__ import annotations

import os
import sqlite3
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import OptionError
from fsl_nlp.forks import Lock

Vector = NDArray[np.float32]

DEFAULT_LIMIT = 1 << 30  # bytes
_TRIMMED_SHARE = 0.8  # what trimming leaves, as a share of the limit
_CHUNK = 500  # SQLite allows 999 variables in a statement


class VectorCache:
    """Vectors by key. An error while reading or writing becomes a warning and a miss.

    >>> import tempfile
    >>> cache = VectorCache(Path(tempfile.mkdtemp()) / "vectors.sqlite")
    >>> cache.put({b"key": np.ones(2, np.float32)})
    >>> cache.get([b"key", b"another"])
    {b'key': array([1., 1.], dtype=float32)}
    """

    def __init__(self, path: Path, limit: int = DEFAULT_LIMIT) -> None:
        self.path = path
        self.limit = limit
        self._lock = Lock()

    @classmethod
    def default(cls) -> VectorCache | None:
        """The user's cache; FSL_NLP_VECTOR_CACHE sets its size in megabytes, 0 turns it off."""
        from fsl_nlp.folders import cache_folder

        megabytes = os.environ.get("FSL_NLP_VECTOR_CACHE") or str(DEFAULT_LIMIT >> 20)
        if not megabytes.isdecimal():
            raise OptionError(
                f"FSL_NLP_VECTOR_CACHE={megabytes!r}: give a whole number of megabytes, "
                "or 0 for no cache."
            )
        limit = int(megabytes) << 20
        return cls(cache_folder() / "vectors.sqlite", limit) if limit else None

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """The stored vectors among `keys`; a damaged one is deleted, with a warning."""
        vectors: dict[bytes, Vector] = {}
        damaged: list[bytes] = []
        if not self.path.exists():
            return vectors
        with self._warn_on_errors(), self._connection() as database:
            for start in range(0, len(keys), _CHUNK):
                part = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                rows = database.execute(
                    f"SELECT key, sum, data FROM vectors WHERE key IN ({marks})", part
                )
                for key, checksum, data in rows:
                    if zlib.crc32(data) != checksum:
                        damaged.append(key)
                    else:
                        vectors[key] = np.frombuffer(data, dtype="<f4")
            if damaged:
                warnings.warn(
                    f"{len(damaged)} damaged entries dropped from {self.path}; "
                    "their texts are encoded again.",
                    stacklevel=2,
                )
                database.executemany("DELETE FROM vectors WHERE key = ?", [(k,) for k in damaged])
        return vectors

    def put(self, vectors: Mapping[bytes, Vector]) -> None:
        """Store vectors, and delete the oldest entries if the file is larger than the limit."""
        rows = []
        for key, vector in vectors.items():
            data = np.ascontiguousarray(vector, dtype="<f4").tobytes()
            rows.append((key, zlib.crc32(data), data))
        with self._warn_on_errors(), self._connection() as database:
            database.executemany(
                "INSERT OR REPLACE INTO vectors (key, sum, data) VALUES (?, ?, ?)", rows
            )
            database.commit()
            self._trim(database)

    def _trim(self, database: sqlite3.Connection) -> None:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        (free,) = database.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
        size = (pages - free) * page_bytes
        if size <= self.limit:
            return
        (count,) = database.execute("SELECT COUNT(*) FROM vectors").fetchone()
        excess = count - int(_TRIMMED_SHARE * count * self.limit / size)
        # A row that is replaced gets a new rowid: rowids are in the order of writing.
        database.execute(
            "DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors ORDER BY rowid LIMIT ?)",
            (excess,),
        )
        database.commit()
        # A plain `execute` would give back one page only.
        database.executescript("PRAGMA incremental_vacuum")

    @contextmanager
    def _warn_on_errors(self) -> Iterator[None]:
        """Turn errors of SQLite into warnings; remove a file that is not a database."""
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:
            # Locked for too long, disk full, or read-only: continue without the cache.
            warnings.warn(f"The vector cache {self.path} is not used: {error}.", stacklevel=4)
        except sqlite3.DatabaseError as error:
            warnings.warn(
                f"The vector cache {self.path} was damaged ({error}); a new one is made.",
                stacklevel=4,
            )
            for suffix in ("", "-journal"):
                with suppress(OSError):
                    Path(f"{self.path}{suffix}").unlink()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One short-lived connection, committed at the end."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, closing(sqlite3.connect(self.path, timeout=20)) as database:
            database.execute("PRAGMA synchronous = NORMAL")
            # Creating the table takes the write lock, so only a new file does it.
            if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
                database.execute("PRAGMA auto_vacuum = INCREMENTAL")
                database.execute(
                    "CREATE TABLE IF NOT EXISTS vectors "
                    "(key BLOB PRIMARY KEY, sum INTEGER, data BLOB)"
                )
            yield database
            database.commit()
