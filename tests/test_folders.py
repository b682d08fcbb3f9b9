"""Files are written whole or not at all, and go where the user says."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsl_nlp.folders import PRIVATE_FILE, cache_folder, make_private, write_atomically


def test_the_cache_is_where_the_variable_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("FSL_NLP_CACHE", "~/models")
    assert cache_folder() == Path.home() / "models"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, ".cache/fsl_nlp"),
        ("linux", {"XDG_CACHE_HOME": ""}, ".cache/fsl_nlp"),
        ("linux", {"XDG_CACHE_HOME": "/data/cache"}, "/data/cache/fsl_nlp"),
        ("darwin", {}, "Library/Caches/fsl_nlp"),
        ("win32", {}, "AppData/Local/fsl_nlp"),
        ("win32", {"LOCALAPPDATA": "/c/local"}, "/c/local/fsl_nlp"),
    ],
)
def test_without_it_the_cache_is_the_systems(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str
) -> None:
    for name in ("FSL_NLP_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert cache_folder() == Path.home() / expected


def test_text_and_bytes_are_written_and_folders_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new/folder/a.txt", "你好\n")
    write_atomically(tmp_path / "new/folder/b.bin", b"\x00\xff")
    assert (tmp_path / "new/folder/a.txt").read_bytes() == "你好\n".encode()
    assert (tmp_path / "new/folder/b.bin").read_bytes() == b"\x00\xff"
    write_atomically(tmp_path / "new/folder/a.txt", "second")
    assert (tmp_path / "new/folder/a.txt").read_text() == "second"


@pytest.mark.parametrize("step", ["os.fsync", "os.replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "model.json"
    write_atomically(path, "old")
    monkeypatch.setattr(step, full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.json"]


def test_text_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "half a character: \ud83d")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.json"]


def test_readers_see_one_version_or_another_and_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "shared.txt"
    versions = {letter * 200_000 for letter in "abc"}
    write_atomically(path, "a" * 200_000)
    done = threading.Event()

    def write(version: str) -> None:
        while not done.is_set():
            write_atomically(path, version)

    writers = [threading.Thread(target=write, args=(version,)) for version in versions]
    for writer in writers:
        writer.start()
    try:
        assert {path.read_text() for _ in range(100)} <= versions
    finally:
        done.set()
        for writer in writers:
            writer.join()
    assert os.listdir(tmp_path) == ["shared.txt"]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_private_files_are_for_their_owner_alone(tmp_path: Path, umask: None) -> None:
    write_atomically(tmp_path / "bot/tensors", "secret", mode=PRIVATE_FILE)
    assert (mode(tmp_path / "bot"), mode(tmp_path / "bot/tensors")) == (0o700, 0o600)
    write_atomically(tmp_path / "results/proto.json", "{}")
    assert (mode(tmp_path / "results"), mode(tmp_path / "results/proto.json")) == (0o755, 0o644)
    write_atomically(tmp_path / "results/tensors", "secret", mode=PRIVATE_FILE)
    assert (mode(tmp_path / "results"), mode(tmp_path / "results/tensors")) == (0o755, 0o600)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_a_folder_is_made_private_whole(tmp_path: Path, umask: None) -> None:
    (tmp_path / "bot/encoder").mkdir(parents=True)
    (tmp_path / "bot/encoder/model").write_text("secret")
    (tmp_path / "elsewhere").write_text("as it was")
    (tmp_path / "bot/link").symlink_to(tmp_path / "elsewhere")
    make_private(tmp_path / "bot")
    assert {mode(tmp_path / name) for name in ("bot", "bot/encoder")} == {0o700}
    assert mode(tmp_path / "bot/encoder/model") == 0o600
    assert mode(tmp_path / "elsewhere") == 0o644


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_what_a_killed_writer_left_is_removed_a_day_later(tmp_path: Path) -> None:
    old, young = (tmp_path / f".a.txt.{letter * 12}" for letter in "ab")
    other = tmp_path / ".a.txt.backup"
    for path in (old, young, other):
        path.write_text("half")
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    for path in (old, other):
        os.utime(path, (two_days_ago, two_days_ago))
    write_atomically(tmp_path / "a.txt", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", young.name, other.name}


def test_windows_waits_for_a_reader_to_close_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replace, refused = os.replace, list[Path]()

    def replace_when_closed(source: Path, target: Path) -> None:
        if len(refused) < 3:
            refused.append(target)
            raise PermissionError(13, "Access is denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_when_closed)
    monkeypatch.setattr("sys.platform", "win32")
    write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
