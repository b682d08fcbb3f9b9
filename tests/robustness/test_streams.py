"""Output that is full, closed or cut off, and Ctrl-C: one line, a status, and no traceback."""

from __future__ import annotations

import errno
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder, cli

from .conftest import Rounds

Cli = Callable[..., Any]
Ends = Callable[..., tuple[int, str]]
needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    """`ends(stdout, words)`: the status and stderr of a command that prints to this stream."""

    def call(stdout: Any, *words: object, stderr: Any = None) -> tuple[int, str]:
        shown = stderr or io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["fsl-nlp", *map(str, words)])
            patch.setattr(sys, "stdout", stdout)
            patch.setattr(sys, "stderr", shown)
            with pytest.raises(SystemExit) as end:
                cli.main()
        assert isinstance(end.value.code, int)
        text = shown.getvalue() if isinstance(shown, io.StringIO) else ""
        stdout.close()
        shown.close()
        return end.value.code, text

    return call


def full() -> io.TextIOWrapper:
    return open("/dev/full", "w", encoding="utf-8")


def broken_pipe() -> io.TextIOWrapper:
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w", encoding="utf-8")


LISTS = [["methods"], ["methods", "--json"], ["methods", "lora"], ["data", "list"], ["models"]]
LISTS += [["--help"], ["fit", "--help"], ["--version"]]


@needs_full
@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_full_disk_is_one_line(ends: Ends, words: list[str]) -> None:
    status, shown = ends(full(), *words)
    assert status == 1
    assert shown == "error: Writing failed: No space left on device.\n"


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_broken_pipe_is_silent(ends: Ends, words: list[str]) -> None:
    assert ends(broken_pipe(), *words) == (1, "")


@needs_full
def test_notes_that_cannot_be_written_stop_nothing(ends: Ends) -> None:
    out = io.StringIO()
    out.close = lambda: None  # type: ignore[method-assign]
    assert ends(out, "export", "--to", "x", "--help", stderr=full())[0] == 0
    assert "Write a classifier" in out.getvalue()
    assert ends(io.StringIO(), "inspect", "nothing", stderr=full())[0] == 1
    assert ends(io.StringIO(), "inspect", stderr=full())[0] == 2


@needs_full
def test_streams_that_the_caller_closed() -> None:
    """In processes of their own, at once; what a command writes does not land in its files."""
    start = f'"{sys.executable}" -m fsl_nlp'
    expected = {
        f"{start} --version <&- >&- 2>&-": (0, ""),
        f"{start} predict bot <&- >&-": (2, "Give a text, --file, or lines on stdin."),
        f"{start} --version > /dev/full": (1, "Writing failed: No space left on device."),
    }
    processes = {
        command: subprocess.Popen(["sh", "-c", command], stderr=subprocess.PIPE, text=True)
        for command in expected
    }
    for command, process in processes.items():
        _, shown = process.communicate()
        status, line = expected[command]
        assert process.returncode == status, (command, shown)
        assert line in shown
        assert "Traceback" not in shown
        assert "Exception ignored" not in shown
        assert bool(shown) == bool(line), shown


def interrupted(run: Cli, command: str, monkeypatch: pytest.MonkeyPatch, where: str) -> Any:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, stop)
        return run(*command.split())


@pytest.mark.parametrize(
    ("command", "where"),
    [
        ("fit support_en --out bot", "fsl_nlp.load_dataset"),
        ("predict bot text", "fsl_nlp.loading.load_bot"),
        ("evaluate bot support_en", "fsl_nlp.load_dataset"),
        ("export bot --out out", "fsl_nlp.FewShotClassifier.load"),
        ("inspect bot", "fsl_nlp.artifact.inspect_bot"),
        ("episodes support_en", "fsl_nlp.load_dataset"),
        ("curve support_en --out c.json", "fsl_nlp.load_dataset"),
        ("meta-train support_en --out meta", "fsl_nlp.load_dataset"),
        ("adapt embedded:en support_en --out model", "fsl_nlp.load_dataset"),
        ("benchmark fewrel", "fsl_nlp.benchmarks.run.run_benchmark"),
        ("demo", "fsl_nlp.load_dataset"),
        ("methods", "fsl_nlp.methods.describe_all"),
        ("models", "fsl_nlp.processor.machine"),
        ("data list", "fsl_nlp.data.list_datasets"),
    ],
)
def test_ctrl_c_is_one_line(
    run: Cli, command: str, where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = interrupted(run, command, monkeypatch, where)
    assert (result.status, result.out, result.err) == (130, "", "Stopped.\n")
    assert not list(tmp_path.iterdir())


def test_an_unexpected_end_of_a_file_is_an_error(run: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the end of a dialogue, for which typer takes it."""

    def end() -> None:
        raise EOFError("compressed file ended")

    monkeypatch.setattr("fsl_nlp.methods.describe_all", end)
    result = run("methods", "--json")
    assert (result.status, result.json["error"].split(".")[0]) == (
        1,
        "Unexpected EOFError: compressed file ended",
    )


def test_a_full_disk_leaves_the_old_bot_whole(
    words: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: Rounds
) -> None:
    """The disk takes ever more bytes, until a save succeeds."""
    old = FewShotClassifier("proto", words).fit(["red", "two"], ["colour", "number"])
    new = FewShotClassifier("proto", words).fit(["red", "two", "cat"], ["colour", "number", "pet"])
    folder = old.save(tmp_path / "bot")
    rng, refused, fsync = random.Random(0), 0, os.fsync
    limits = sorted(rng.sample(range(6), rounds(4, 6)))
    for limit in limits:
        written = 0

        def sync(descriptor: int) -> None:
            nonlocal written
            written += 1
            if written > limit:  # noqa: B023
                raise OSError(errno.ENOSPC, "No space left on device")
            fsync(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", sync)
            try:
                new.save(folder)
                break
            except Exception as error:
                message = str(error)
        refused += 1
        assert "No space left on device" in message
        loaded = FewShotClassifier.load(folder, encoder=words)
        assert loaded.classes_.tolist() == ["colour", "number"]
    assert refused
    assert new.save(folder)
    assert len(FewShotClassifier.load(folder, encoder=words).classes_) == 3


JOBS = """
import time
from fsl_nlp.evaluation.jobs import run_jobs

def score(device, number):
    print(number, flush=True)
    time.sleep(600)
    return {}

if __name__ == "__main__":
    from fsl_nlp.cli.app import run
    import fsl_nlp.methods
    fsl_nlp.methods.describe_all = lambda: run_jobs(
        range(4), score, lambda n: (n,), title="jobs", devices=["cpu", "cpu"]
    )
    import sys
    sys.argv = ["fsl-nlp", "methods"]
    run()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Windows has no groups of processes")
def test_ctrl_c_ends_the_workers_too(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS, "utf-8")
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "jobs.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    process.stdout.readline()  # a worker is at work, the other one perhaps still starts
    os.killpg(process.pid, signal.SIGINT)
    started = time.perf_counter()
    _, shown = process.communicate(timeout=120)
    assert (process.returncode, shown) == (130, "Stopped.\n")
    assert time.perf_counter() - started < 60
