"""Files are written whole or not at all, and go where the user says."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from fsl_nlp.folders import cache_folder, write_atomically


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
