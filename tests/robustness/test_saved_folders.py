"""Saves that are killed, saves of one folder at once, and readers beside them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.artifact.protocols import CLASSIFIER, META
from fsl_nlp.artifact.publishing import publish
from fsl_nlp.artifact.snapshot import read_snapshot
from fsl_nlp.meta.folder import load_prepared

from .conftest import Rounds

KEPT = Path(__file__).parents[1] / "artifact" / "format_3"

# Saves one classifier after another to a folder: the manifest of a kept one, with other tensors.
WRITER = """
import sys
from pathlib import Path
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.artifact.publishing import publish
from fsl_nlp.artifact.snapshot import read_snapshot
kept, folder, letter, count = sys.argv[1:]
manifest = read_snapshot(Path(kept), CLASSIFIER).manifest
print("ready", flush=True)
for number in range(int(count)):
    content = f"{letter}{number}".encode()
    contents = {"tensors": content * 30_000, "examples": content, "scorer-0": content[:1]}
    publish(Path(folder), CLASSIFIER, {**manifest, "model_version": content.decode()}, contents)
"""


@contextmanager
def writer(folder: Path, letter: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """A process that saves `count` times; it is killed at the end of the block."""
    command = [sys.executable, "-c", WRITER, str(KEPT / "linear"), str(folder), letter, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def check_whole(folder: Path) -> str:
    """The version in a folder, all of whose files are of that version."""
    saved = read_snapshot(folder, CLASSIFIER)
    version = str(saved.manifest["model_version"])
    assert saved.contents["tensors"] == version.encode() * 30_000
    assert saved.contents["examples"] == version.encode()
    return version


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def one_set_of_files(folder: Path) -> bool:
    """Whether a folder holds what its manifest names, and nothing else."""
    files = read_snapshot(folder, CLASSIFIER).manifest["files"].values()
    return names(folder) == {entry["name"] for entry in files} | {CLASSIFIER.manifest}


def test_processes_that_save_to_one_folder_and_a_reader_beside_them(
    tmp_path: Path, rounds: Rounds
) -> None:
    folder, count, reads = tmp_path / "bot", rounds(25, 1000), 0
    with writer(folder, "a", count) as first, writer(folder, "b", count) as second:
        while first.poll() is None or second.poll() is None:
            if (folder / CLASSIFIER.manifest).exists():
                check_whole(folder)
                reads += 1
        assert (first.returncode, second.returncode) == (0, 0)
    assert reads
    assert check_whole(folder) in (f"a{count - 1}", f"b{count - 1}")
    assert one_set_of_files(folder)


def test_threads_that_save_to_one_new_folder(
    words: TextEncoder, tmp_path: Path, rounds: Rounds
) -> None:
    classifiers = [
        FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2]),
        FewShotClassifier("proto", words).fit(
            ["退款", "hello", "你好"], ["退款", "greet", "greet"]
        ),
    ]
    for number in range(rounds(10, 150)):
        folder = tmp_path / f"bot {number}"
        run_all([partial(c.save, folder) for c in classifiers])
        version = FewShotClassifier.load(folder, encoder=words).model_version_
        assert version in [c.model_version_ for c in classifiers]
        assert one_set_of_files(folder)


def run_all(actions: list[Callable[[], object]]) -> None:
    """Run actions at once, in threads of their own; the first error of any is raised."""
    errors, barrier = [], threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        barrier.wait()
        try:
            action()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_killed_saves(tmp_path: Path, rounds: Rounds) -> None:
    """After a kill, the folder holds the save before or the new one; the next clears what is left.

    A killed process holds no lock: the next one begins at once.
    """
    draw, folder = random.Random(7), tmp_path / "bot"
    with writer(folder, "start", 1) as process:
        process.wait()
    for number in range(rounds(6, 150)):
        with writer(folder, f"n{number}x", 10_000):
            time.sleep(draw.uniform(0, 0.03))
        check_whole(folder)
    with writer(folder, "end", 1) as process:
        process.wait()
    assert check_whole(folder) == "end0"
    assert one_set_of_files(folder)


def test_meta_trained_folders_are_saved_in_the_same_way(tmp_path: Path, rounds: Rounds) -> None:
    prepared = load_prepared(KEPT / "meta")
    run_all([lambda: [prepared.save(tmp_path) for _ in range(rounds(5, 100))]] * 2)  # type: ignore[list-item]
    assert load_prepared(tmp_path).sum == prepared.sum
    assert len(names(tmp_path)) == 2


def test_without_locks_nothing_of_another_save_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", no_locks)
    manifest = read_snapshot(KEPT / "linear", CLASSIFIER).manifest
    for content in (b"first", b"second"):
        publish(tmp_path, CLASSIFIER, manifest, {"tensors": content})
    assert len(names(tmp_path)) == 3
    long_ago = time.time() - 3 * 24 * 60 * 60
    for path in tmp_path.iterdir():
        os.utime(path, (long_ago, long_ago))
    publish(tmp_path, CLASSIFIER, manifest, {"tensors": b"third"})
    assert len(names(tmp_path)) == 2


def test_a_writer_that_hangs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsl_nlp import locks

    monkeypatch.setattr(locks, "_LONGEST_WAIT", 0.05)
    manifest = read_snapshot(KEPT / "meta", META).manifest
    with held_elsewhere(tmp_path), pytest.raises(OSError, match="another process is writing there"):
        publish(tmp_path, META, manifest, {})


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[None]:
    """The lock of a folder is held by another thread."""
    from fsl_nlp.locks import locked

    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(folder):
            holding.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert holding.wait(60)
        yield
    finally:
        done.set()
        thread.join()


def test_a_thread_that_holds_a_lock_may_save_inside(tmp_path: Path) -> None:
    from fsl_nlp.locks import locked

    manifest = read_snapshot(KEPT / "meta", META).manifest
    with locked(tmp_path) as outside, locked(tmp_path) as inside:
        publish(tmp_path, META, manifest, {})
        assert outside == inside
        with pytest.raises(OSError, match="another process"):
            run_all([partial(take, tmp_path)])
    take(tmp_path)  # free again


def take(folder: Path) -> None:
    from fsl_nlp.locks import locked

    with locked(folder, patience=0.05):
        pass


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_save_that_finds_the_disk_full_takes_no_space(
    failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsl_nlp.artifact import publishing

    manifest = read_snapshot(KEPT / "linear", CLASSIFIER).manifest
    publish(tmp_path, CLASSIFIER, manifest, {"tensors": b"first", "examples": b"same"})
    before, write, written = names(tmp_path), publishing.write_atomically, list[Path]()

    def until_full(path: Path, content: bytes, **options: int) -> None:
        written.append(path)
        if len(written) == failing:
            raise OSError(28, "No space left on device", str(path))
        write(path, content, **options)

    monkeypatch.setattr(publishing, "write_atomically", until_full)
    with pytest.raises(OSError, match="No space left"):
        publish(tmp_path, CLASSIFIER, manifest, {"tensors": b"second", "examples": b"same"})
    assert names(tmp_path) == before
    assert read_snapshot(tmp_path, CLASSIFIER).contents["tensors"] == b"first"
