"""The process of one job: it waits for its turn, works, and writes how far it is."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fsl_nlp.errors import FslError
from fsl_nlp.lazy import load_object
from fsl_nlp.locks import locked
from fsl_nlp.serving.jobs import (
    CANCEL,
    DONE,
    FAILED,
    RUNNING,
    TASK,
    UPLOAD,
    WAITING,
    Job,
    read_jobs,
    read_json,
    write_state,
)
from fsl_nlp.serving.processes import stand_back
from fsl_nlp.serving.stages import Report

_LOOK = 0.2  # seconds between two looks at the limits and at the turn
_WRITE = 0.25  # seconds between two states
_FULL = {errno.ENOSPC: "The disk is full. Make room on it, and start again."}

# The stages, in words.
_STEPS = {
    WAITING: "waiting for another job",
    "reading": "reading the file",
    "loading": "loading the language model",
    "encoding": "reading the sentences",
    "checking": "checking the sentences",
    "comparing": "comparing methods",
    "learning": "learning",
    "testing": "testing it on sentences that it has not seen",
    "saving": "saving",
    "placing": "drawing the map",
    "grouping": "grouping the questions",
}


def main(folder: str) -> None:
    """Do the job of a folder."""
    stand_back()  # once more: edits go before jobs
    logging.lastResort = None  # notes are for the result, and texts are for no log
    with locked(Path(folder)):
        JobProcess(Path(folder)).run()


class JobProcess:
    """A job and its limits. A thread beside the work ends the process when it must."""

    def __init__(self, folder: Path) -> None:
        task = read_json(folder / TASK)
        self._folder = folder
        self._function, self._arguments = task["function"], task["arguments"]
        self._limits = task["limits"]
        self._job = Job(folder.name, task["kind"], task["key"], task["created"], WAITING)
        self._started = 0.0  # when the turn of the job came
        self._written = 0.0
        self._ending = threading.Lock()

    def run(self) -> None:
        """Wait for the jobs that came before, then work."""
        threading.Thread(target=_end_with_the_server, daemon=True).start()
        threading.Thread(target=self._keep_limits, daemon=True).start()
        write_state(self._folder, self._job)
        while not self._is_first():
            self.report(0.0, WAITING, 0, 0)
            time.sleep(_LOOK)
        self._started = time.monotonic()
        self._job = replace(self._job, state=RUNNING)
        try:
            function: Callable[[Mapping[str, Any], Report], Any] = load_object(self._function)
            self._end(DONE, result=function(self._arguments, self.report), progress=1.0)
        except FslError as error:
            self._end(FAILED, error=str(error))
        except MemoryError:
            self._end(FAILED, error=_too_large(self._limits["bytes"]))
        except OSError as error:
            words = _FULL.get(error.errno or 0)
            self._end(FAILED, error=words or f"A file cannot be used: {error.strerror}.")
        except Exception as error:
            # Without the message of the error: a text may stand in it.
            frames = "".join(traceback.format_tb(error.__traceback__))
            print(f"{frames}{type(error).__name__} in a job ({self._job.kind})", file=sys.stderr)
            self._end(FAILED, error="The server failed at this. Its log says why.")

    def report(self, share: float, stage: str, done: int, total: int) -> None:
        """Note how far the work is: a share from 0 to 1 that never falls, and what is done now."""
        words = _STEPS[stage] + (f": {done} of {total}" if total else "")
        same = stage == self._job.stage
        share = max(self._job.progress, round(min(share, 1.0), 3))
        self._job = replace(
            self._job, progress=share, stage=stage, step=words, count=done, of=total
        )
        if not same or time.monotonic() - self._written > _WRITE:
            self._written = time.monotonic()
            with self._ending:
                write_state(self._folder, self._job)

    def _is_first(self) -> bool:
        """Whether every job that came before is over."""
        jobs = read_jobs(self._folder.parent)
        return not any(job.turn < self._job.turn and not job.is_over for job in jobs)

    def _keep_limits(self) -> None:
        import psutil

        process = psutil.Process()
        while True:
            time.sleep(_LOOK)
            if (self._folder / CANCEL).exists() or not self._folder.exists():
                self._end(FAILED, error="Cancelled.")
            if self._started and time.monotonic() - self._started > self._limits["seconds"]:
                minutes = round(self._limits["seconds"] / 60, 1)
                self._end(FAILED, error=f"It took longer than {minutes:g} minutes. Use less data.")
            if process.memory_info().rss > self._limits["bytes"]:
                self._end(FAILED, error=_too_large(self._limits["bytes"]))

    def _end(self, state: str, **fields: Any) -> None:
        """Write how the job ended, and end the process at once, whatever its threads do."""
        with self._ending:
            shutil.rmtree(self._folder / UPLOAD, ignore_errors=True)
            job = replace(self._job, state=state, stage=state, step=state, ended=time.time())
            if self._folder.exists():
                write_state(self._folder, replace(job, **fields))
            sys.stderr.flush()
            os._exit(0 if state == DONE else 1)


def _too_large(limit: int) -> str:
    return f"It needs more than {limit / 2**30:.3g} GB of memory. Use less data."


def _end_with_the_server() -> None:
    """End when the server does: it holds the other end of the standard input."""
    while sys.stdin.buffer.read(1):
        pass
    os._exit(1)
