"""Vectors that were computed before, kept on disk for the next process.

One SQLite file: safe for several processes, and bounded in size. Only a hash of each text is
stored. Losing the file costs nothing but time.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

DEFAULT_LIMIT = 1 << 30  # bytes
_CHUNK = 500  # SQLite allows 999 variables in a statement
_ROW_OVERHEAD = 100  # bytes of key, checksum and index beside a vector, measured


class VectorCache:
    """Vectors by key. Reading or writing never fails: trouble means a warning and a miss."""

    def __init__(self, path: Path, limit: int = DEFAULT_LIMIT) -> None:
        self.path = path
        self.limit = limit
        self._lock = threading.Lock()

    @classmethod
    def default(cls) -> VectorCache | None:
        """The user's cache; FSL_NLP_VECTOR_CACHE sets its size in megabytes, 0 turns it off."""
        from fsl_nlp.folders import cache_folder

        megabytes = os.environ.get("FSL_NLP_VECTOR_CACHE", "")
        limit = int(megabytes) << 20 if megabytes.isdecimal() else DEFAULT_LIMIT
        return cls(cache_folder() / "vectors.sqlite", limit) if limit else None

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """The vectors that are there; an altered one is dropped, with a warning."""
        found: dict[bytes, Vector] = {}
        damaged: list[bytes] = []
        if not self.path.exists():
            return found
        with self._connection() as database:
            for start in range(0, len(keys), _CHUNK):
                part = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                rows = database.execute(
                    f"SELECT key, sum, data FROM vectors WHERE key IN ({marks})", part
                )
                for key, checksum, data in rows:
                    if len(data) % 4 or zlib.crc32(data) != checksum:
                        damaged.append(key)
                    else:
                        found[key] = np.frombuffer(data, dtype="<f4")
            if damaged:
                warnings.warn(
                    f"{len(damaged)} damaged entries dropped from {self.path}; "
                    "their texts are encoded again.",
                    stacklevel=2,
                )
                database.executemany("DELETE FROM vectors WHERE key = ?", [(k,) for k in damaged])
        return found

    def put(self, vectors: Mapping[bytes, Vector]) -> None:
        """Store, and drop the oldest entries when the cache has outgrown its limit."""
        now = int(time.time())
        rows = []
        for key, vector in vectors.items():
            data = np.ascontiguousarray(vector, dtype="<f4").tobytes()
            rows.append((key, zlib.crc32(data), data, now))
        with self._connection() as database:
            database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)
            self._trim(database)

    def _trim(self, database: sqlite3.Connection) -> None:
        count, size = database.execute(
            "SELECT COUNT(*), COALESCE(SUM(LENGTH(data)), 0) FROM vectors"
        ).fetchone()
        if size + count * _ROW_OVERHEAD <= self.limit:
            return
        keep = int(0.8 * count * self.limit / (size + count * _ROW_OVERHEAD))
        database.execute(
            "DELETE FROM vectors WHERE rowid IN "
            "(SELECT rowid FROM vectors ORDER BY written, rowid LIMIT ?)",
            (count - keep,),
        )
        database.commit()
        database.execute("PRAGMA incremental_vacuum")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One short-lived connection; a file that is no database is moved away."""
        with self._lock:
            try:
                with closing(self._open()) as database:
                    yield database
                    database.commit()
            except sqlite3.OperationalError as error:
                # Locked for long, disk full, no right to write: work goes on without the cache.
                warnings.warn(f"The vector cache {self.path} is not used: {error}.", stacklevel=4)
            except sqlite3.DatabaseError as error:
                warnings.warn(
                    f"The vector cache {self.path} was damaged ({error}) and is begun anew.",
                    stacklevel=4,
                )
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(error.strerror) from None
        database = sqlite3.connect(self.path, timeout=20)
        try:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(
                "CREATE TABLE IF NOT EXISTS vectors "
                "(key BLOB PRIMARY KEY, sum INTEGER, data BLOB, written INTEGER)"
            )
        except sqlite3.Error:
            database.close()
            raise
        return database
