"""What is too large is refused before it takes the memory, the disk or the day."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fsl_nlp import load_dataset, reading
from fsl_nlp.cli.benchmark import parse_splits
from fsl_nlp.data import lines
from fsl_nlp.data.lines import stream_lines
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.evaluation.jobs import check_workers

from ..command_line import Result

posix = pytest.mark.skipif(os.name != "posix", reason="has devices and pipes as files")


@posix
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".txt", ".parquet"])
def test_a_device_is_not_read(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is neither a file nor a pipe"):
        load_dataset(tmp_path / f"zero{suffix}", labelled=False)


@posix
def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    content = "text,label\nwhere is my parcel,track\n我要退款,refund\n"
    writer = threading.Thread(target=path.write_text, args=(content, "utf-8"))
    writer.start()
    assert load_dataset(path).texts == ["where is my parcel", "我要退款"]
    writer.join()


@posix
def test_an_endless_pipe_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 20_000_000)
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(b"0" * 65536)
                except BrokenPipeError:
                    return

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(DataError, match="too much to read at once"):
        load_dataset(path)
    writer.join()


def test_a_file_of_holes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(100 << 30)  # no byte of it is on the disk
    with pytest.raises(DataError, match=r"huge\.csv has more than 2 GB"):
        load_dataset(path)


class Endless(io.RawIOBase):
    """A stream that never ends, and has no line end after `start`."""

    def __init__(self, start: bytes) -> None:
        self.start = start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = (self.start or b"0" * len(buffer))[: len(buffer)]
        self.start = self.start[len(content) :]
        buffer[: len(content)] = content
        return len(content)


@pytest.mark.parametrize("start", [b"", b"one\ntwo\n", "我的快递\n".encode("utf-16")])
def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    monkeypatch.setattr(lines, "MOST_IN_A_LINE", 2_000_000)
    monkeypatch.setattr(reading, "MOST_BYTES", 5_000_000)
    with pytest.raises(DataError, match=r"has more than 1 MB|too much to read at once"):
        list(stream_lines(io.BufferedReader(Endless(start)), "stdin"))


def test_splits_have_a_limit() -> None:
    assert parse_splits(["0-4"]) == [0, 1, 2, 3, 4]
    with pytest.raises(OptionError, match=r"--split"):
        parse_splits(["0-1000000000"])


@pytest.mark.parametrize("workers", [-3, 0, 257, 10**6, 1.5])
def test_workers_have_limits(workers: int) -> None:
    with pytest.raises(OptionError, match=r"from 1 to 256"):
        check_workers(workers)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--workers", "-3"),
        ("--workers", "1000000"),
        ("--episodes", "1000000000000"),
        ("--nota-rate", "1e9"),
        ("--query", "1000000000000"),
    ],
)
def test_the_command_says_which_number_is_too_large(
    run: Callable[..., Result], arguments: tuple[str, str]
) -> None:
    result = run("episodes", "support_en", "--method", "proto", *arguments)
    assert result.status != 0
    assert arguments[0] in result.err
    assert "Traceback" not in result.err


def test_the_time_of_a_row_grows_with_its_length(tmp_path: Path) -> None:
    """Not with its square: a row of a million separators took 7 seconds."""

    def seconds(separators: int) -> float:
        (tmp_path / "a.csv").write_text("text,label\n" + "," * separators + "\nhi,greet\n")
        started = time.process_time()
        assert load_dataset(tmp_path / "a.csv").texts == ["hi"]
        return time.process_time() - started

    assert seconds(200_000) < 30 * seconds(20_000) + 1
