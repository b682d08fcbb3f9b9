"""Long work of the server: training and checking, one job at a time, in processes of their own.

A job is a folder of two small JSON files: `task.json` says what to do, `state.json` how far it is.
So every worker of a server knows every job, whichever took it. The process of a job holds the lock
of its folder: if nobody holds it and the job is not done, its process is gone.

    <state>/jobs/<id>/task.json     written by the server, once
                      state.json    written by the process of the job
                      cancel        written by the server, to end the job
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

from fsl_nlp.folders import PRIVATE_FILE, make_folder, write_atomically
from fsl_nlp.json_text import parse_json
from fsl_nlp.locks import locked
from fsl_nlp.output import to_json
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.processes import start
from fsl_nlp.serving.settings import ServerSettings

TASK, STATE, CANCEL = "task.json", "state.json", "cancel"
UPLOAD = "upload"  # a folder for files of a user, which goes when the job ends
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"

_OF_TASK = {"id", "kind", "key", "created"}  # fields of a `Job` that do not change
_ID = re.compile(r"[0-9a-f]{32}")
_KEPT = 3600.0  # seconds that a finished job is kept
_START = 30.0  # seconds that a process may take until it holds the lock of its job
_GONE = (
    "It ended before it was done: the server was stopped, or its memory ran out. Start it again."
)


@dataclass(frozen=True)
class Work:
    """What a job does: `function`, as "package.module:name", of the arguments and a `Report`.

    Work with a `key` is not done twice at the same time. `files` lie in the folder `upload` of the
    job, whose path is the argument "job".
    """

    kind: str
    function: str
    arguments: Mapping[str, Any]
    key: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A job as it is now.

    `step` says in words what it does, `stage` is a name for that, of which `count` parts of `of`
    are done.
    """

    id: str
    kind: str
    key: str
    created: float
    state: str
    progress: float = 0.0
    stage: str = "starting"
    step: str = "starting"
    count: int = 0
    of: int = 0
    result: Any = None
    error: str | None = None
    ended: float | None = None

    @property
    def turn(self) -> tuple[float, str]:
        """In the order of these the jobs run."""
        return self.created, self.id

    @property
    def is_over(self) -> bool:
        """Whether it is done or failed."""
        return self.state in (DONE, FAILED)

    def to_dict(self) -> dict[str, Any]:
        """What `GET /v1/jobs/{id}` answers."""
        fields: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "progress": self.progress,
            "stage": self.stage,
            "step": self.step,
            "count": self.count,
            "of": self.of,
        }
        if self.state == DONE:
            fields["result"] = self.result
        if self.state == FAILED:
            fields["error"] = self.error
        return fields


class Jobs:
    """The jobs of a server and of all its workers, in a folder that they share."""

    def __init__(self, folder: Path, settings: ServerSettings) -> None:
        self.folder = folder
        self._settings = settings
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = Lock()

    def new(self) -> Path:
        """The folder of a new job, for files that it needs; refused if too many jobs wait."""
        self._forget()
        if sum(not job.is_over for job in read_jobs(self.folder)) >= self._settings.jobs:
            raise RequestError(
                "overloaded", "Too many jobs wait. Try again in a minute.", {"Retry-After": "60"}
            )
        folder = self.folder / secrets.token_hex(16)
        with _refusing_full_disks(self.folder):
            for path in (self.folder.parent, self.folder, folder):  # all are private
                make_folder(path)
        return folder

    def start(self, folder: Path, work: Work) -> str:
        """Start the job in a folder that `new` made; gives its id."""
        limits = {"seconds": self._settings.job_seconds, "bytes": self._settings.job_memory}
        arguments = {**work.arguments, "job": str(folder)}
        task = {
            "kind": work.kind,
            "key": work.key,
            "function": work.function,
            "arguments": arguments,
            "limits": limits,
            "created": time.time(),
        }
        with _refusing_full_disks(self.folder), self._lock:
            for name, content in work.files.items():
                write_atomically(folder / UPLOAD / name, content, mode=PRIVATE_FILE)
            write_json(folder / TASK, task)
            self._processes[folder.name] = start(
                "fsl_nlp.serving.job_process:main", str(folder), stdout=subprocess.DEVNULL
            )
        return folder.name

    def submit(self, work: Work) -> str:
        """Start a job, unless one with its key waits or runs; gives the id of either."""
        for job in read_jobs(self.folder) if work.key else ():
            if job.key == work.key and not self._current(job).is_over:
                return job.id
        return self.start(self.new(), work)

    def get(self, name: str) -> Job:
        """A job by its id."""
        job = read_job(self.folder / name) if _ID.fullmatch(name) else None
        if job is None:
            raise RequestError("not_found", "There is no such job, or it ended an hour ago.")
        return self._current(job)

    def cancel(self, name: str) -> Job:
        """End a job. What it was about to make is not made."""
        job = self.get(name)
        if not job.is_over:
            with suppress(FileNotFoundError):  # it was forgotten just now
                write_atomically(self.folder / name / CANCEL, b"", mode=PRIVATE_FILE)
        return job

    def close(self) -> None:
        """End the processes of the jobs that this worker took."""
        with self._lock:
            processes, self._processes = self._processes, {}
        for process in processes.values():
            process.kill()
            process.wait()

    def _current(self, job: Job) -> Job:
        """The job; failed if its process, one of this worker's, ended without a word."""
        with self._lock:
            process = self._processes.get(job.id)
            if process is None or process.poll() is None:
                return job
            del self._processes[job.id]
        last = read_job(self.folder / job.id) or job
        if not last.is_over:
            last = replace(last, state=FAILED, error=_GONE, ended=time.time())
            write_state(self.folder / job.id, last)
        return last

    def _forget(self) -> None:
        """Remove what ended more than an hour ago, and uploads that were never finished."""
        now = time.time()
        for folder in _folders(self.folder):
            with suppress(OSError):
                job = read_job(folder)
                ended = folder.stat().st_mtime if job is None else job.ended
                if ended is not None and now - ended > _KEPT:
                    shutil.rmtree(folder, ignore_errors=True)
                elif job is not None and self._current(job).is_over:
                    # Its process was killed before it could do that.
                    shutil.rmtree(folder / UPLOAD, ignore_errors=True)


def read_jobs(folder: Path) -> list[Job]:
    """All jobs of a state folder, in the order in which they run."""
    jobs = filter(None, map(read_job, _folders(folder)))
    return sorted(jobs, key=lambda job: job.turn)


def read_job(folder: Path) -> Job | None:
    """The job of a folder; None if there is none, or not yet."""
    task = read_json(folder / TASK)
    if not task:
        return None
    # Before the state is read: a process writes how it ended, and then it is gone.
    is_gone = _is_gone(folder, task["created"])
    state = read_json(folder / STATE)
    job = Job(folder.name, task["kind"], task["key"], task["created"], WAITING)
    if state:
        job = replace(job, **state)
    if is_gone and not job.is_over:
        ended = (folder / (STATE if state else TASK)).stat().st_mtime
        return replace(job, state=FAILED, error=_GONE, ended=ended)
    return job


def write_state(folder: Path, job: Job) -> None:
    """Write how far a job is."""
    state = {name: value for name, value in asdict(job).items() if name not in _OF_TASK}
    write_json(folder / STATE, state)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file that only the server reads; texts of users may stand in it."""
    write_atomically(path, to_json(content), mode=PRIVATE_FILE)


def read_json(path: Path) -> dict[str, Any]:
    """The content of a file of `write_json`; {} if it is not there."""
    try:
        content = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def _refusing_full_disks(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RequestError("storage", f"{folder} cannot be written: {error.strerror}.") from None


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if _ID.fullmatch(path.name)]
    except OSError:
        return []


def _is_gone(folder: Path, created: float) -> bool:
    """Whether the process of a job has ended, or never began."""
    if time.time() - created < _START and not (folder / STATE).exists():
        return False
    try:
        with locked(folder, patience=0) as is_held:
            return is_held  # False where there are no locks: then nobody can tell
    except OSError:
        return False
