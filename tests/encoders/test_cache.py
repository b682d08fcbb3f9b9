"""Vectors on disk: read again, bounded, and never the cause of a failure."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fsl_nlp.encoders.cache import DEFAULT_LIMIT, FILE, VectorCache
from fsl_nlp.errors import OptionError

Vectors = dict[bytes, NDArray[np.float32]]


def some_vectors(count: int, start: int = 0, dimensions: int = 384) -> Vectors:
    random = np.random.default_rng(start)
    return {
        (start + i).to_bytes(20, "big"): random.standard_normal(dimensions, np.float32)
        for i in range(count)
    }


def assert_same(vectors: Vectors, expected: Vectors) -> None:
    assert vectors.keys() == expected.keys()
    for key, vector in expected.items():
        np.testing.assert_array_equal(vectors[key], vector)
        assert vectors[key].dtype == np.float32


def alter(path: Path, statement: str, *values: object) -> None:
    database = sqlite3.connect(path)
    database.execute(statement, values)
    database.commit()
    database.close()


def test_another_object_reads_what_was_put(cache: VectorCache) -> None:
    vectors = some_vectors(1200)  # more than SQLite takes in one statement
    cache.put(vectors)
    assert_same(VectorCache(cache.path).get([*vectors, b"another key"]), vectors)


def test_reading_an_absent_cache_makes_no_file(cache: VectorCache) -> None:
    assert cache.get([b"key"]) == {}
    assert not cache.path.parent.exists()


def test_a_key_put_again_has_the_new_vector(cache: VectorCache) -> None:
    old, new = some_vectors(1), some_vectors(1, dimensions=8)
    cache.put(old)
    cache.put(new)
    assert_same(cache.get(list(new)), new)


@pytest.mark.parametrize(
    "damage",
    [
        "data = zeroblob(1536)",
        "data = substr(data, 1, 1535)",
        "data = x''",
        "code = x'00'",
        "code = NULL",
        "data = NULL",
        "data = 'text'",
        "data = 7",
        "data = 1.5",
    ],
)
def test_a_damaged_entry_is_dropped_with_a_warning(cache: VectorCache, damage: str) -> None:
    vectors = some_vectors(3)
    bad = next(iter(vectors))
    cache.put(vectors)
    alter(cache.path, f"UPDATE vectors SET {damage} WHERE rowid = 1")  # the first that was put
    with pytest.warns(UserWarning, match="1 damaged entries dropped") as caught:
        vectors = cache.get(list(vectors))
    assert str(cache.path) in str(caught[0].message)
    good = {key: vector for key, vector in vectors.items() if key != bad}
    assert_same(vectors, good)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(cache.get(list(vectors)), good)


def test_a_file_that_is_no_database_is_replaced(cache: VectorCache) -> None:
    vectors = some_vectors(2)
    cache.path.parent.mkdir()
    for use in (lambda: cache.get(list(vectors)), lambda: cache.put(vectors)):
        cache.path.write_bytes(b"not a database at all, but long enough to look at" * 100)
        with pytest.warns(UserWarning, match="was damaged .* a new one is made"):
            use()
        assert not cache.path.exists()
    cache.put(vectors)
    assert_same(cache.get(list(vectors)), vectors)


def test_a_torn_database_is_replaced(cache: VectorCache) -> None:
    vectors = some_vectors(500)
    cache.put(vectors)
    content = bytearray(cache.path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    cache.path.write_bytes(content)
    with pytest.warns(UserWarning, match="was damaged"):
        assert len(cache.get(list(vectors))) < 500
    cache.put(vectors)
    assert_same(cache.get(list(vectors)), vectors)


def test_a_cut_database_costs_entries_and_no_more(cache: VectorCache) -> None:
    vectors = some_vectors(500)
    cache.put(vectors)
    cache.path.write_bytes(cache.path.read_bytes()[:200_000])
    with pytest.warns(UserWarning, match="damaged"):
        vectors = cache.get(list(vectors))
    assert_same(vectors, {key: vectors[key] for key in vectors})


def test_a_path_that_cannot_be_written_is_a_miss(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")  # root may write in a read-only folder
    cache = VectorCache(tmp_path / "file" / "vectors.sqlite")
    with pytest.warns(UserWarning, match="is not used"):
        cache.put(some_vectors(1))
    assert cache.get(list(some_vectors(1))) == {}
    folder = VectorCache(tmp_path)
    with pytest.warns(UserWarning, match="is not used"):
        folder.put(some_vectors(1))
    with pytest.warns(UserWarning, match="is not used"):
        assert folder.get(list(some_vectors(1))) == {}


def test_a_database_that_stays_locked_is_a_miss(
    cache: VectorCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.put(some_vectors(1))
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout: connect(path, timeout=0.01))
    second = connect(cache.path)
    second.execute("BEGIN IMMEDIATE")
    with pytest.warns(UserWarning, match="is not used: database is locked"):
        cache.put(some_vectors(1, start=1))
    assert_same(cache.get(list(some_vectors(1))), some_vectors(1))  # reading goes on
    second.close()


def test_the_file_stays_within_its_limit_and_keeps_the_newest(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "vectors.sqlite", limit=1 << 20)
    rounds = [some_vectors(200, start=1000 * i) for i in range(8)]
    for vectors in rounds:
        cache.put(vectors)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= cache.limit
    assert_same(cache.get(list(rounds[-1])), rounds[-1])
    assert cache.get(list(rounds[0])) == {}


def test_more_than_the_limit_at_once_keeps_a_part(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "vectors.sqlite", limit=1 << 19)
    vectors = some_vectors(2000)
    cache.put(vectors)
    assert cache.path.stat().st_size <= cache.limit
    vectors = cache.get(list(vectors))
    assert vectors.keys() == set(list(vectors)[-len(vectors) :])
    assert len(vectors) > 100


def test_a_used_entry_that_is_written_anew_counts_as_new(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "vectors.sqlite", limit=1 << 20)
    first = some_vectors(10)
    cache.put(first)
    cache.put(some_vectors(300, start=1000))
    cache.put(first)
    cache.put(some_vectors(200, start=2000))
    assert_same(cache.get(list(first)), first)
    assert len(cache.get(list(some_vectors(300, start=1000)))) < 300


def _write(path: Path, start: int) -> None:
    """In another process: many small writes, each read back."""
    warnings.simplefilter("error")
    cache = VectorCache(path)
    for i in range(40):
        vectors = some_vectors(5, start=start + 5 * i, dimensions=16)
        cache.put(vectors)
        assert_same(cache.get(list(vectors)), vectors)


def test_processes_that_write_at_once_lose_nothing(cache: VectorCache) -> None:
    script = (
        "import runpy, sys; from pathlib import Path; "
        f"runpy.run_path({__file__!r})['_write'](Path(sys.argv[1]), int(sys.argv[2]))"
    )
    starts = (10_000, 20_000, 30_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(cache.path), str(start)])
        for start in starts
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    keys = [(start + i).to_bytes(20, "big") for start in starts for i in range(200)]
    assert len(cache.get(keys)) == 600


def test_the_variable_sets_the_size_and_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path))
    monkeypatch.delenv("FSL_NLP_VECTOR_CACHE", raising=False)
    cache = VectorCache.default()
    assert cache is not None
    assert cache.path == tmp_path / FILE
    assert cache.limit == DEFAULT_LIMIT
    monkeypatch.setenv("FSL_NLP_VECTOR_CACHE", "50")
    cache = VectorCache.default()
    assert cache is not None
    assert cache.limit == 50 * 2**20
    monkeypatch.setenv("FSL_NLP_VECTOR_CACHE", "0")
    assert VectorCache.default() is None


@pytest.mark.parametrize("value", ["off", "-1", "0.5", "1GB"])
def test_a_size_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FSL_NLP_VECTOR_CACHE", value)
    with pytest.raises(OptionError, match="whole number of megabytes") as caught:
        VectorCache.default()
    assert repr(value) in str(caught.value)


# --- who may read it, and what a writer can do --------------------------------------------------


def test_only_the_owner_may_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path / "new" / "cache"))
    monkeypatch.setenv("FSL_NLP_VECTOR_CACHE", "10")
    cache = VectorCache.default()
    assert cache
    old = os.umask(0)
    try:
        cache.put(some_vectors(3))
    finally:
        os.umask(old)
    assert cache.path.stat().st_mode & 0o777 == 0o600
    assert [p.stat().st_mode & 0o777 for p in cache.path.parents[:2]] == [0o700, 0o700]


def test_the_journal_is_as_private_as_the_file(cache: VectorCache) -> None:
    cache.put(some_vectors(1))
    database = sqlite3.connect(cache.path)
    database.execute("DELETE FROM vectors")
    journal = Path(f"{cache.path}-journal")
    assert journal.stat().st_mode & 0o777 == 0o600
    database.close()


def test_a_folder_that_exists_keeps_its_rights_and_a_file_does_not(cache: VectorCache) -> None:
    cache.path.parent.mkdir(mode=0o755)
    cache.put(some_vectors(1))
    cache.path.chmod(0o666)
    assert len(cache.get(list(some_vectors(1)))) == 1
    assert cache.path.stat().st_mode & 0o777 == 0o600
    assert cache.path.parent.stat().st_mode & 0o777 == 0o755


def test_users_who_share_a_folder_have_a_file_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path))
    monkeypatch.setenv("FSL_NLP_VECTOR_CACHE", "10")
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    cache = VectorCache.default()
    assert cache
    assert cache.path.name == f"vectors-2-{tmp_path.stat().st_uid + 1}.sqlite"


def test_an_older_cache_that_others_may_read_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path))
    for value in ("10", "0"):
        monkeypatch.setenv("FSL_NLP_VECTOR_CACHE", value)
        (tmp_path / "vectors.sqlite").write_bytes(b"old")
        VectorCache.default()
        assert list(tmp_path.iterdir()) == []


def test_a_guessed_text_cannot_be_looked_up_in_the_file(tmp_path: Path) -> None:
    vectors = some_vectors(2)
    caches = [VectorCache(tmp_path / str(i) / "vectors.sqlite") for i in range(2)]
    names = []
    for cache in caches:
        cache.put(vectors)
        database = sqlite3.connect(cache.path)
        names.append({row[0] for row in database.execute("SELECT key FROM vectors")})
        database.close()
    assert not names[0] & names[1]
    assert not any(vectors.keys() & name for name in names)


def test_rows_that_are_exchanged_are_dropped(cache: VectorCache) -> None:
    vectors = some_vectors(3)
    cache.put(vectors)
    database = sqlite3.connect(cache.path)
    rows = database.execute("SELECT rowid, code, data FROM vectors").fetchall()
    for (row, *_), (_, code, data) in zip(rows, [*rows[1:], rows[0]], strict=True):
        database.execute("UPDATE vectors SET code = ?, data = ? WHERE rowid = ?", (code, data, row))
    database.commit()
    database.close()
    with pytest.warns(UserWarning, match="3 damaged entries"):
        assert cache.get(list(vectors)) == {}


def test_rows_of_another_cache_are_dropped(cache: VectorCache, tmp_path: Path) -> None:
    """Who cannot read the secret cannot write a row that counts."""
    vectors, other = some_vectors(2), VectorCache(tmp_path / "other.sqlite")
    cache.put(vectors)
    other.put({key: vector + 1 for key, vector in vectors.items()})
    database = sqlite3.connect(other.path)
    rows = database.execute("SELECT code, data FROM vectors").fetchall()
    database.close()
    for row, (code, data) in enumerate(rows, 1):
        alter(cache.path, "UPDATE vectors SET code=?, data=? WHERE rowid=?", code, data, row)
    with pytest.warns(UserWarning, match="2 damaged entries"):
        assert cache.get(list(vectors)) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM secret",
        "UPDATE secret SET value = 'text'",
        "UPDATE secret SET value = x'00'",
        "DROP TABLE secret",
        "DROP TABLE vectors",
    ],
)
def test_a_cache_without_its_secret_or_table_is_replaced(
    cache: VectorCache, statement: str
) -> None:
    vectors = some_vectors(2)
    cache.put(vectors)
    alter(cache.path, statement)
    with pytest.warns(UserWarning, match="was damaged .* a new one is made"):
        assert cache.get(list(vectors)) == {}
    cache.put(vectors)
    assert_same(cache.get(list(vectors)), vectors)


def test_the_texts_are_not_in_the_file(cache: VectorCache) -> None:
    """Keys are hashes from the encoder; all else in the file is numbers."""
    cache.put(some_vectors(1))
    database = sqlite3.connect(cache.path)
    columns = [row[1] for row in database.execute("PRAGMA table_info(vectors)")]
    database.close()
    assert columns == ["key", "code", "data"]
