"""A damaged vector cache: the right vector or none, and never a failure."""

from __future__ import annotations

import random
import sqlite3
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.encoders.cache import VectorCache

from .conftest import Rounds

VECTORS = {
    bytes([i]) * 20: np.random.default_rng(i).standard_normal(16, np.float32) for i in range(20)
}
VALUES: list[Any] = [None, 7, -1.5, "text", "快递", b"", b"\0" * 64, b"\xff" * 64, b"x" * 65]


def edit_rows(path: Path, draw: random.Random) -> None:
    """Change something through SQLite, as a program may that can write the file."""
    tables = {"vectors": ["key", "code", "data"], "secret": ["value"]}
    with closing(sqlite3.connect(path)) as database:
        for _ in range(draw.randint(1, 5)):
            table = draw.choices(list(tables), [9, 1])[0]
            column = draw.choice(tables[table])
            row = draw.randint(1, len(VECTORS))
            other = f"(SELECT {column} FROM {table} WHERE rowid = {draw.randint(1, len(VECTORS))})"
            value = draw.choice([*VALUES, draw.randbytes(64)])
            statement, values = draw.choice(
                [
                    (f"UPDATE {table} SET {column} = ? WHERE rowid = {row}", (value,)),
                    (f"UPDATE {table} SET {column} = {other} WHERE rowid = {row}", ()),
                    (f"UPDATE {table} SET {column} = substr({column}, 2) WHERE rowid = {row}", ()),
                    (f"UPDATE {table} SET {column} = {column} || x'00' WHERE rowid = {row}", ()),
                    (f"DELETE FROM {table} WHERE rowid = {row}", ()),
                ]
            )
            try:
                database.execute(statement, values)
            except sqlite3.Error:  # two rows with one key
                continue
        if draw.random() < 0.05:
            database.execute(f"DROP TABLE {draw.choice(list(tables))}")
        if draw.random() < 0.05:
            database.execute("ALTER TABLE vectors RENAME COLUMN data TO vector")
        database.commit()


def edit_bytes(path: Path, draw: random.Random) -> None:
    """Flip bits, overwrite, cut or lengthen the file."""
    content = bytearray(path.read_bytes())
    kind = draw.randrange(4)
    if kind == 0:
        for _ in range(draw.choice([1, 8, 200])):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == 1:
        start = draw.randrange(len(content))
        content[start : start + 500] = draw.randbytes(500)
    elif kind == 2:
        del content[draw.randrange(len(content)) :]
    else:
        content += draw.randbytes(5000)
    path.write_bytes(content)


def assert_true_or_absent(vectors: dict[bytes, NDArray[np.float32]]) -> None:
    for key, vector in vectors.items():
        np.testing.assert_array_equal(vector, VECTORS[key])


def test_edits_cost_entries_and_never_give_another_vector(tmp_path: Path, rounds: Rounds) -> None:
    whole = tmp_path / "whole.sqlite"
    VectorCache(whole).put(VECTORS)
    for seed in range(rounds(40, 400)):
        draw = random.Random(seed)
        cache = VectorCache(tmp_path / "edited.sqlite")
        cache.path.write_bytes(whole.read_bytes())
        (edit_rows if seed % 2 else edit_bytes)(cache.path, draw)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            vectors = cache.get(list(VECTORS))
            cache.put({key: vector for key, vector in VECTORS.items() if key not in vectors})
            again = cache.get(list(VECTORS))
        assert_true_or_absent(vectors)
        assert_true_or_absent(again)
        assert {warning.category for warning in caught} <= {UserWarning}
        cache.path.unlink(missing_ok=True)


def test_threads_that_make_a_cache_at_once_agree_on_its_secret(
    tmp_path: Path, rounds: Rounds
) -> None:
    start = threading.Barrier(4)

    def write(path: Path, part: int) -> None:
        own = {key: VECTORS[key] for key in list(VECTORS)[part::4]}
        start.wait()
        VectorCache(path).put(own)  # an object each, as in four processes

    with ThreadPoolExecutor(4) as pool, warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(rounds(3, 50)):
            path = tmp_path / f"{number}.sqlite"
            list(pool.map(write, [path] * 4, range(4)))
            assert VectorCache(path).get(list(VECTORS)).keys() == VECTORS.keys()
