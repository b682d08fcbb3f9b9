"""Several processes that answer on one socket, and the one that watches over them."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from socket import socket
from threading import Thread
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from fsl_nlp.errors import FslError
from fsl_nlp.runtime.session import usable_threads
from fsl_nlp.serving.app import create_app
from fsl_nlp.serving.logs import use_json_lines
from fsl_nlp.serving.metrics import SHARED
from fsl_nlp.serving.server import Server
from fsl_nlp.serving.settings import ServerSettings

log = logging.getLogger("fsl_nlp")

_RELOAD = "reload"  # what the parent says to a worker; the end of the pipe means stop
_LOOK = 0.2  # seconds between two looks at signals
_WAITS = (1.0, 30.0)  # seconds until a worker that died soon is replaced, at first and at most
_SOON = 10.0
_AFTER_GRACE = 5.0  # seconds until a worker that does not end is killed


def supervise(settings: ServerSettings, listener: socket, started: Callable[[], object]) -> None:
    """Answer with `settings.workers` processes until a signal stops them.

    A worker that dies is replaced. SIGHUP loads the bots again in all of them. SIGTERM and Ctrl-C
    let them answer what they accepted; a second one ends them at once.
    """
    if settings.threads is None:
        settings = replace(settings, threads=max(1, usable_threads() // settings.workers))
    with tempfile.TemporaryDirectory(prefix="fsl-nlp-") as folder:
        os.environ[SHARED] = folder  # for the workers, which inherit it
        try:
            last = _Supervisor(settings, listener, started, Path(folder)).run()
        finally:
            del os.environ[SHARED]
    signal.raise_signal(last)  # ends this process as the signal would have


@dataclass(eq=False)
class _Worker:
    process: Any
    pipe: Connection
    since: float = field(default_factory=time.monotonic)
    is_started: bool = False
    problem: str = ""

    def listen(self) -> None:
        """Read what it says: None when it answers, or why it cannot."""
        with suppress(EOFError, OSError):
            while self.pipe.poll():
                message = self.pipe.recv()
                self.is_started = self.is_started or message is None
                self.problem = message or self.problem

    def say_reload(self) -> None:
        with suppress(OSError):
            self.pipe.send(_RELOAD)


class _Supervisor:
    def __init__(
        self,
        settings: ServerSettings,
        listener: socket,
        started: Callable[[], object],
        numbers: Path,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._when_started = started
        self._numbers = numbers
        self._workers: list[_Worker] = []
        self._signals: list[int] = []
        self._started = False
        self._early_deaths = 0
        self._next_start = 0.0

    def run(self) -> int:
        """Gives the signal that ended it."""
        with _noting(self._signals):
            try:
                while not self._is_stopping():
                    self._start_missing()
                    self._look()
                self._stop()
            finally:
                for worker in self._workers:
                    worker.process.kill()
                    worker.process.join()
        return self._signals[-1]

    def _is_stopping(self) -> bool:
        return any(number != _HANGUP for number in self._signals)

    def _start_missing(self) -> None:
        if time.monotonic() < self._next_start:
            return
        context = get_context("spawn")
        while len(self._workers) < self._settings.workers:
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(self._settings, self._listener, theirs))
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours))

    def _look(self) -> None:
        """Wait a moment, then see to what happened."""
        wait([w.process.sentinel for w in self._workers] + [w.pipe for w in self._workers], _LOOK)
        for worker in list(self._workers):
            worker.listen()
            if not worker.process.is_alive():
                self._bury(worker)
        if not self._started and any(worker.is_started for worker in self._workers):
            self._started = True
            self._when_started()
        while _HANGUP in self._signals:
            self._signals.remove(_HANGUP)
            for worker in self._workers:
                worker.say_reload()

    def _bury(self, worker: _Worker) -> None:
        """Another one takes its place; if none could start, there is no server."""
        worker.listen()
        self._workers.remove(worker)
        worker.process.join()
        mark_process_dead(worker.process.pid, str(self._numbers))  # type: ignore[no-untyped-call]
        if self._is_stopping():
            return
        problem = worker.problem or f"A worker ended with status {worker.process.exitcode}."
        if not self._started:
            raise FslError(problem)
        if time.monotonic() - worker.since > _SOON:
            self._early_deaths = 0
        else:
            first, most = _WAITS
            self._next_start = time.monotonic() + min(most, first * 2**self._early_deaths)
            self._early_deaths += 1
        log.warning("%s Another one takes its place.", problem)

    def _stop(self) -> None:
        """Let the workers finish; a second signal, or too long a time, ends them at once."""
        self._listener.close()
        for worker in self._workers:
            worker.pipe.close()
        end = time.monotonic() + self._settings.grace + _AFTER_GRACE
        signals = len(self._signals)
        while self._workers and time.monotonic() < end and len(self._signals) == signals:
            wait([worker.process.sentinel for worker in self._workers], _LOOK)
            for worker in list(self._workers):
                if not worker.process.is_alive():
                    self._bury(worker)


_HANGUP = getattr(signal, "SIGHUP", -1)  # not on Windows


@contextmanager
def _noting(signals: list[int]) -> Iterator[None]:
    """Inside a `with` block, signals are added to the list."""
    numbers = [signal.SIGINT, signal.SIGTERM, *([] if _HANGUP < 0 else [_HANGUP])]
    before = {n: signal.signal(n, lambda number, _: signals.append(number)) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def work(settings: ServerSettings, listener: socket, pipe: Connection) -> None:
    """Answer in this process until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    if settings.access_log:
        use_json_lines()

    def say(message: str | None) -> None:
        with suppress(OSError):  # the parent has gone
            pipe.send(message)

    try:
        app = create_app(settings)
    except Exception as error:
        say(str(error) if isinstance(error, FslError) else f"{error!r}")
        sys.exit(1)
    server = _WorkerServer(app, settings, lambda: say(None))

    def obey() -> None:
        with suppress(EOFError, OSError):  # the parent stops us, or has died
            while pipe.recv() == _RELOAD:
                app.state.server.bots.reload()
        server.should_exit = True

    Thread(target=obey, daemon=True).start()
    server.run([listener])


class _WorkerServer(Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """SIGTERM to a worker alone ends it gracefully; the parent replaces it."""

        def stop(*_: object) -> None:
            self.should_exit = True

        signal.signal(signal.SIGTERM, stop)
        yield
