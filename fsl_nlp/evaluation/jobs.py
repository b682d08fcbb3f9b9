"""Jobs that an interrupted run can continue: a file of finished rows, and a pool of workers."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fsl_nlp.errors import DataError, ModelError, OptionError
from fsl_nlp.json_text import parse_json
from fsl_nlp.output import to_json
from fsl_nlp.progress import track
from fsl_nlp.reading import read_whole

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

MOST_WORKERS = 256  # processes on a device; each loads its own models

Row = dict[str, Any]  # what JSON can hold
OnProgress = Callable[[int, float | None, int], object]
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class ProgressFile(Generic[K]):
    """JSON lines: a header that names the run, then a row for each finished job.

    `key` says which job a row belongs to. It raises a KeyError, TypeError or ValueError for a row
    that is not as such a job makes it.
    """

    path: Path
    header: Mapping[str, Any]
    key: Callable[[Row], K]

    def resume(self) -> dict[K, Row]:
        """The finished rows. A line that was cut off while it was written is removed."""
        if not self.path.exists():
            return {}
        content = read_whole(self.path, str(self.path))
        size = content.rfind(b"\n") + 1  # of the whole lines
        lines = content[:size].split(b"\n")[:-1]
        try:
            if not lines and not self._line(self.header).encode().startswith(content):
                raise ValueError
            self._check([dict(parse_json(line)) for line in lines[:1]])
        except DataError:
            raise
        except (ValueError, TypeError):
            raise DataError(
                f"{self.path} is not a progress file of this command. Name another file."
            ) from None
        finished = dict(self._read(number, line) for number, line in enumerate(lines[1:], 2))
        os.truncate(self.path, size)
        return finished

    def _read(self, number: int, line: bytes) -> tuple[K, Row]:
        """The job of a line, and its row."""
        try:
            row = dict(parse_json(line))
            return self.key(row), row
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise DataError(
                f"{self.path}, line {number} is damaged ({error!r}). Delete the line: its job is "
                "done again."
            ) from None

    def append(self, row: Row) -> None:
        """Write the row of a finished job, and the header before the first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            if file.tell() == 0:
                file.write(self._line(self.header))
            file.write(self._line(row))

    def _check(self, headers: Sequence[Row]) -> None:
        """Refuse the header of another run; an empty file has none."""
        expected = json.loads(self._line(self.header))
        for header in headers:
            names = [n for n in {**expected, **header} if header.get(n) != expected.get(n)]
            if names:
                parts = (f"{n} is {header.get(n)!r}, not {expected.get(n)!r}" for n in names)
                raise DataError(
                    f"{self.path} belongs to another run: {'; '.join(parts)}. "
                    "Name another file, or delete this one."
                )

    @staticmethod
    def _line(content: Mapping[str, Any]) -> str:
        return to_json(content) + "\n"


def run_jobs(
    jobs: Sequence[K],
    score: Callable[..., Row],
    arguments: Callable[[K], tuple[Any, ...]],
    *,
    title: str,
    devices: Sequence[str] = ("auto",),
    progress_file: ProgressFile[K] | None = None,
    on_progress: OnProgress | None = None,
) -> dict[K, Row]:
    """The row of each job, in the order of `jobs`.

    A job's row is `score(device, *arguments(job))`. `devices` has one entry for each worker; with
    more than one, each worker is a spawned process, so `score` must be a function of a module.
    Rows of `progress_file` are not made again. `on_progress` is called before the first job
    and after each one, with the number of remaining jobs, their estimated seconds or None, and the
    number of rows that the progress file had.
    """
    finished = progress_file.resume() if progress_file else {}
    open_jobs = [job for job in jobs if job not in finished]
    started, resumed = time.perf_counter(), len(jobs) - len(open_jobs)
    if on_progress:
        on_progress(len(open_jobs), None, resumed)
    rows = _run(open_jobs, score, arguments, devices)
    with track(len(jobs), title) as progress, closing(rows):
        progress(resumed)
        for count, (job, row) in enumerate(rows, 1):
            finished[job] = row
            if progress_file:
                progress_file.append(row)
            progress(1)
            remaining = len(open_jobs) - count
            if on_progress:
                seconds = (time.perf_counter() - started) / count * remaining
                on_progress(remaining, seconds, resumed)
    return {job: finished[job] for job in jobs}


def _run(
    jobs: Sequence[K],
    score: Callable[..., Row],
    arguments: Callable[[K], tuple[Any, ...]],
    devices: Sequence[str],
) -> Generator[tuple[K, Row], None, None]:
    workers = min(len(devices), len(jobs))
    if workers <= 1:
        for job in jobs:
            yield job, score(devices[0], *arguments(job))
        return
    context = get_context("spawn")  # a forked copy of torch's thread pool hangs
    queue = context.SimpleQueue()
    for device in devices[:workers]:
        queue.put(device)
    threads = max(1, (os.cpu_count() or 1) // workers)
    others = active_children()
    pool = ProcessPoolExecutor(workers, context, _start_worker, (queue, threads))
    try:
        with _ignored_interrupts():
            futures = {pool.submit(_score_in_worker, score, arguments(job)): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except (KeyboardInterrupt, GeneratorExit):  # Python would wait for the jobs that are running
        for process in set(active_children()).difference(others):
            process.terminate()
        raise
    except BrokenProcessPool:
        raise ModelError(
            "A worker process ended early. If memory ran out, use fewer workers. In a script, "
            "start the run below `if __name__ == '__main__':`."
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """Processes that start meanwhile ignore Ctrl-C, which reaches them too: `_run` ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_device: list[str] = []  # of this process, if it is a worker


def _start_worker(queue: SimpleQueue[str], threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    _device[:] = [queue.get()]


def _score_in_worker(score: Callable[..., Row], arguments: tuple[Any, ...]) -> Row:
    return score(_device[0], *arguments)


def check_workers(workers: int) -> None:
    """Refuse a number of processes that no machine needs.

    >>> check_workers(4)
    """
    if not isinstance(workers, int) or not 1 <= workers <= MOST_WORKERS:
        raise OptionError(
            f"workers={workers!r} (--workers): must be a whole number from 1 to {MOST_WORKERS}."
        )
