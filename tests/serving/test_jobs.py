"""Jobs of the server, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.jobs import DONE, FAILED, RUNNING, STATE, WAITING, Job, Jobs, Work
from fsl_nlp.serving.settings import ServerSettings

LIMIT = 60.0  # seconds


@pytest.fixture
def jobs_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Jobs]]:
    """Jobs as each worker of a server has them, all in one folder."""
    monkeypatch.syspath_prepend(Path(__file__).parent)  # where `job_examples` is
    made: list[Jobs] = []

    def make(**settings: Any) -> Jobs:
        made.append(Jobs(tmp_path / "jobs", ServerSettings((), **settings)))
        return made[-1]

    yield make
    for jobs in made:
        jobs.close()


def until(jobs: Jobs, name: str, condition: Callable[[Job], bool]) -> Job:
    end = time.monotonic() + LIMIT
    while not condition(job := jobs.get(name)):
        assert time.monotonic() < end, job
        time.sleep(0.05)
    return job


def is_over(job: Job) -> bool:
    return job.is_over


def example(function: str, /, key: str = "", **arguments: Any) -> Work:
    return Work("example", f"job_examples:{function}", arguments, key)


def test_a_job_ends_with_its_result_and_gives_way_to_answers(
    jobs_of: Callable[..., Jobs], tmp_path: Path
) -> None:
    jobs = jobs_of()
    name = jobs.submit(example("note", file=str(tmp_path / "log"), name="查询"))
    job = until(jobs, name, is_over)
    assert (job.state, job.progress, job.error) == (DONE, 1.0, None)
    assert job.result["name"] == "查询"
    assert job.result["threads"] == "1"
    if hasattr(os, "nice"):
        assert job.result["nice"] >= 10
    fields = {"id", "kind", "state", "progress", "stage", "step", "count", "of", "result"}
    assert set(job.to_dict()) == fields


def test_jobs_of_all_workers_run_one_at_a_time_in_their_order(
    jobs_of: Callable[..., Jobs], tmp_path: Path
) -> None:
    workers = [jobs_of(), jobs_of()]
    log = tmp_path / "log"
    names = [
        workers[i % 2].submit(example("note", file=str(log), name=str(i), seconds=0.3))
        for i in range(4)
    ]
    for name in names:
        assert until(workers[0], name, is_over).state == DONE
        assert workers[1].get(name).state == DONE  # whoever took it
    assert log.read_text().split("\n")[:-1] == [
        f"{i} {what}" for i in range(4) for what in ("begins", "ends")
    ]


def test_the_progress_is_told_and_never_falls(jobs_of: Callable[..., Jobs], tmp_path: Path) -> None:
    jobs = jobs_of()
    running = jobs.submit(example("sleep", pid=str(tmp_path / "pid")))
    waiting = jobs.submit(example("fall_back"))
    job = until(jobs, running, lambda job: job.progress > 0)
    assert (job.state, job.progress, job.stage) == (RUNNING, 0.25, "checking")
    assert job.step == "checking the sentences: 1 of 4"
    job = until(jobs, waiting, lambda job: job.stage == WAITING)
    assert job.step == "waiting for another job"
    jobs.cancel(running)
    job = until(jobs, waiting, is_over)
    assert (job.state, job.error, job.progress) == (FAILED, "at the end", 0.5)


def test_any_worker_cancels_a_job(jobs_of: Callable[..., Jobs], tmp_path: Path) -> None:
    first, second = jobs_of(), jobs_of()
    name = first.submit(example("sleep", pid=str(tmp_path / "pid")))
    until(second, name, lambda job: job.progress > 0)
    process = psutil.Process(int((tmp_path / "pid").read_text()))
    second.cancel(name)
    job = until(first, name, is_over)
    assert (job.state, job.error) == (FAILED, "Cancelled.")
    process.wait(LIMIT)
    assert second.cancel(name).state == FAILED  # again: nothing happens


def test_a_waiting_job_is_cancelled_too(jobs_of: Callable[..., Jobs], tmp_path: Path) -> None:
    jobs = jobs_of()
    running = jobs.submit(example("sleep", pid=str(tmp_path / "pid")))
    waiting = jobs.submit(example("note", file=str(tmp_path / "log"), name="never"))
    jobs.cancel(waiting)
    assert until(jobs, waiting, is_over).error == "Cancelled."
    assert not jobs.get(running).is_over
    assert not (tmp_path / "log").exists()


def test_a_job_whose_process_was_killed_has_failed_for_all_workers(
    jobs_of: Callable[..., Jobs], tmp_path: Path
) -> None:
    first, second = jobs_of(), jobs_of()
    work = replace(example("sleep", pid=str(tmp_path / "pid")), files={"a.csv": b"secret"})
    name = first.submit(work)
    behind = second.submit(example("note", file=str(tmp_path / "log"), name="next"))
    until(first, name, lambda job: job.progress > 0)
    psutil.Process(int((tmp_path / "pid").read_text())).kill()
    job = until(second, name, is_over)
    assert job.state == FAILED
    assert "Start it again." in str(job.error)
    assert first.get(name).state == FAILED
    upload = tmp_path / "jobs" / name / "upload"
    assert (upload / "a.csv").exists()
    first.new()
    assert not upload.exists()  # the file of a user does not stay
    assert until(first, behind, is_over).state == DONE  # the next one has its turn


def test_a_process_that_never_begins_is_no_job_for_ever(
    jobs_of: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = jobs_of()
    monkeypatch.setattr("fsl_nlp.serving.processes._MAIN", "raise SystemExit(1)")
    name = jobs.submit(example("note"))
    assert until(jobs, name, is_over).state == FAILED


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("data", "line 3 of 文件.csv is empty."),
        ("memory", "It needs more than 4 GB of memory."),
        ("disk", "The disk is full."),
        ("bug", "The server failed at this."),
    ],
)
def test_errors_are_one_sentence_without_places_and_texts(
    jobs_of: Callable[..., Jobs], error: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    jobs = jobs_of()
    job = until(jobs, jobs.submit(example("fail", error=error, text="a text of a user")), is_over)
    assert job.state == FAILED
    assert str(job.error).startswith(words)
    logged = capfd.readouterr().err
    assert ("RuntimeError in a job" in logged) == (error == "bug")
    assert "a text of a user" not in logged


def test_a_job_that_takes_too_long_ends(jobs_of: Callable[..., Jobs], tmp_path: Path) -> None:
    jobs = jobs_of(job_seconds=0.5)
    job = until(jobs, jobs.submit(example("sleep", pid=str(tmp_path / "pid"))), is_over)
    assert "It took longer than" in str(job.error)


def test_a_job_that_takes_too_much_memory_ends(jobs_of: Callable[..., Jobs]) -> None:
    jobs = jobs_of(job_memory=200 << 20)
    job = until(jobs, jobs.submit(example("grow")), is_over)
    assert job.error == "It needs more than 0.195 GB of memory. Use less data."


def test_a_full_queue_refuses_and_says_when_to_come_again(
    jobs_of: Callable[..., Jobs], tmp_path: Path
) -> None:
    jobs = jobs_of(jobs=2)
    names = [jobs.submit(example("sleep", pid=str(tmp_path / "pid"))) for _ in range(2)]
    with pytest.raises(RequestError, match="Too many jobs") as caught:
        jobs.submit(example("sleep", pid=str(tmp_path / "pid")))
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "60"})
    jobs.cancel(names[1])
    until(jobs, names[1], is_over)
    jobs.submit(example("sleep", pid=str(tmp_path / "pid")))


def test_work_with_a_key_is_not_done_twice_at_once(
    jobs_of: Callable[..., Jobs], tmp_path: Path
) -> None:
    first, second = jobs_of(), jobs_of()
    work = example("note", key="lint shop", file=str(tmp_path / "log"), name="once", seconds=1)
    name = first.submit(work)
    assert second.submit(work) == name
    until(first, name, is_over)
    assert second.submit(work) != name


def test_an_ended_job_is_forgotten_after_an_hour(
    jobs_of: Callable[..., Jobs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = jobs_of()
    name = jobs.submit(example("note", file=str(tmp_path / "log"), name="old"))
    until(jobs, name, is_over)
    unfinished = jobs.new()  # an upload that broke off
    monkeypatch.setattr("fsl_nlp.serving.jobs._KEPT", -1.0)
    jobs.new()
    with pytest.raises(RequestError, match="no such job"):
        jobs.get(name)
    assert not unfinished.exists()


@pytest.mark.parametrize("name", ["..", "", "x", "0" * 32, "../" + "0" * 29, "0" * 31 + "\n"])
def test_other_names_are_no_jobs(jobs_of: Callable[..., Jobs], name: str) -> None:
    with pytest.raises(RequestError, match="no such job"):
        jobs_of().get(name)


def test_a_damaged_state_is_no_crash(jobs_of: Callable[..., Jobs], tmp_path: Path) -> None:
    jobs = jobs_of()
    name = jobs.submit(example("note", file=str(tmp_path / "log"), name="x"))
    until(jobs, name, is_over)
    (tmp_path / "jobs" / name / STATE).write_text("{")
    assert jobs.get(name).state in (WAITING, FAILED)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("end", ["SIGKILL", "SIGINT"])
def test_jobs_end_with_the_server(tmp_path: Path, end: str) -> None:
    script = f"""
import sys, time
from pathlib import Path
from fsl_nlp.serving.jobs import Jobs, Work
from fsl_nlp.serving.settings import ServerSettings
sys.path.append({str(Path(__file__).parent)!r})
jobs = Jobs(Path({str(tmp_path / "jobs")!r}), ServerSettings(()))
jobs.submit(Work("example", "job_examples:sleep", {{"pid": {str(tmp_path / "pid")!r}}}))
time.sleep(60)
"""
    server = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + LIMIT
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        job = psutil.Process(int((tmp_path / "pid").read_text()))
        server.send_signal(getattr(signal, end))
        server.wait(LIMIT)
        job.wait(LIMIT)
    finally:
        server.kill()
