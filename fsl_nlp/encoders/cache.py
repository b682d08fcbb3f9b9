"""Vectors on disk, so that the next process need not compute them again.

One SQLite file: safe for several processes, bounded in size, and readable by its owner alone. A row
holds a hash of a text and its vector. The hash depends on a secret that is drawn for each file, so
that nobody without the file can test guesses of texts; a code made with the same secret shows a row
that was damaged, moved or written by somebody who cannot read the file. The file can be deleted at
any time.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import OptionError
from fsl_nlp.folders import cache_folder, make_cache_folder
from fsl_nlp.forks import Lock

Vector = NDArray[np.float32]

DEFAULT_LIMIT = 1 << 30  # bytes
FILE = "vectors-2.sqlite"  # another number whenever the tables change
_OLDER_FILES = ("vectors.sqlite",)
_TRIMMED_SHARE = 0.8  # what trimming leaves, as a share of the limit
_CHUNK = 500  # SQLite allows 999 variables in a statement
_SECRET_BYTES = 32

_TABLES = """
CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, code BLOB, data BLOB);
CREATE TABLE IF NOT EXISTS secret (only INTEGER PRIMARY KEY CHECK (only = 1), value BLOB);
"""


@dataclass(frozen=True)
class _Keyed:
    """The hashes that need the secret of a file."""

    secret: bytes

    def name(self, key: bytes) -> bytes:
        """What stands in the file for the key of a text."""
        return blake2b(key, digest_size=20, key=self.secret, person=b"key").digest()

    def code(self, name: bytes, data: bytes) -> bytes:
        """The code that belongs to this name and this vector; it depends on the width, too."""
        # SHA-256 first: processors have instructions for it, and a vector is long.
        digest = sha256(data).digest()
        return blake2b(name + digest, digest_size=16, key=self.secret, person=b"row").digest()


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
        megabytes = os.environ.get("FSL_NLP_VECTOR_CACHE") or str(DEFAULT_LIMIT >> 20)
        if not megabytes.isdecimal():
            raise OptionError(
                f"FSL_NLP_VECTOR_CACHE={megabytes!r}: give a whole number of megabytes, "
                "or 0 for no cache."
            )
        for name in _OLDER_FILES:
            _remove(cache_folder() / name)
        limit = int(megabytes) << 20
        return cls(_file_of_user(cache_folder()), limit) if limit else None

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """The stored vectors among `keys`; a damaged one is deleted, with a warning."""
        vectors: dict[bytes, Vector] = {}
        damaged: list[tuple[bytes]] = []
        if not os.path.exists(self.path):  # False, and no error, where the folder is another's
            return vectors
        with self._warn_on_errors(), self._connection() as (database, keyed):
            names = {keyed.name(key): key for key in keys}
            for part in _chunks(list(names)):
                marks = ",".join("?" * len(part))
                rows = database.execute(
                    f"SELECT key, code, data FROM vectors WHERE key IN ({marks})", part
                )
                for name, code, data in rows:
                    # SQLite allows any type in any column.
                    if isinstance(data, bytes) and code == keyed.code(name, data):
                        vectors[names[name]] = np.frombuffer(data, dtype="<f4")
                    else:
                        damaged.append((name,))
            if damaged:
                warnings.warn(
                    f"{len(damaged)} damaged entries dropped from {self.path}; "
                    "their texts are encoded again.",
                    stacklevel=2,
                )
                database.executemany("DELETE FROM vectors WHERE key = ?", damaged)
        return vectors

    def put(self, vectors: Mapping[bytes, Vector]) -> None:
        """Store vectors, and delete the oldest entries if the file is larger than the limit."""
        with self._warn_on_errors(), self._connection() as (database, keyed):
            rows = []
            for key, vector in vectors.items():
                name, data = keyed.name(key), np.ascontiguousarray(vector, dtype="<f4").tobytes()
                rows.append((name, keyed.code(name, data), data))
            database.executemany(
                "INSERT OR REPLACE INTO vectors (key, code, data) VALUES (?, ?, ?)", rows
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
        # UnicodeError: SQLite quotes the damaged bytes.
        except (OSError, sqlite3.DatabaseError, UnicodeError) as error:
            usable = isinstance(error, (OSError, sqlite3.OperationalError))
            if usable and "no such" not in str(error):
                # Locked for too long, disk full, or read-only: continue without the cache.
                warnings.warn(f"The vector cache {self.path} is not used: {error}.", stacklevel=4)
                return
            warnings.warn(
                f"The vector cache {self.path} was damaged ({error}); a new one is made.",
                stacklevel=4,
            )
            _remove(self.path)

    @contextmanager
    def _connection(self) -> Iterator[tuple[sqlite3.Connection, _Keyed]]:
        """One short-lived connection, committed at the end, and the hashes of this file."""
        _make_private(self.path)
        with self._lock, closing(sqlite3.connect(self.path, timeout=20)) as database:
            database.text_factory = bytes  # a text that is no Unicode is a damaged row
            database.execute("PRAGMA synchronous = NORMAL")
            yield database, _Keyed(_read_secret(database) or _new_secret(database))
            database.commit()


def _file_of_user(folder: Path) -> Path:
    """The user's file; those who use the folder of another user have one each."""
    path = folder / FILE
    with suppress(OSError):
        if os.name == "posix" and folder.stat().st_uid != os.getuid():
            return path.with_stem(f"{path.stem}-{os.getuid()}")
    return path


def _read_secret(database: sqlite3.Connection) -> bytes | None:
    """The secret of this file; None in a new file."""
    if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
        return None
    row = database.execute("SELECT value FROM secret").fetchone()
    if row is None or not isinstance(row[0], bytes) or len(row[0]) != _SECRET_BYTES:
        raise sqlite3.DatabaseError("its secret is missing")
    return bytes(row[0])


def _new_secret(database: sqlite3.Connection) -> bytes:
    """Make the tables and the secret; of two processes that do so at once, one wins."""
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    database.execute("BEGIN IMMEDIATE")
    for statement in _TABLES.split(";"):
        database.execute(statement)
    database.execute(
        "INSERT OR IGNORE INTO secret VALUES (1, ?)", (secrets.token_bytes(_SECRET_BYTES),)
    )
    database.commit()
    secret = _read_secret(database)
    assert secret
    return secret


def _make_private(path: Path) -> None:
    """Make an empty file that its owner alone may read, or take the rights of others away.

    SQLite gives its journal the rights of the file.
    """
    make_cache_folder(path.parent)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if os.name == "posix" and os.fstat(descriptor).st_mode & 0o077:
            with suppress(OSError):  # not the owner
                os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove a database."""
    for suffix in ("", "-journal"):
        with suppress(OSError):
            Path(f"{path}{suffix}").unlink()


def _chunks(names: list[bytes]) -> Iterator[list[bytes]]:
    """The names, as many at a time as a statement may have."""
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]
