"""Edits over HTTP: they wait in a short queue for each bot, and are made in one process for all.

So learning takes no processor and no lock of Python from answers, nor its memory or its death.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from fsl_nlp.output import to_json
from fsl_nlp.serving.bots import ServedBot
from fsl_nlp.serving.editor_process import DIFF
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.information import describe, why_no_edit
from fsl_nlp.serving.processes import start

_WAITING = 8  # edits of one bot that wait; more are refused
_DIED = (
    "The process that edits has ended before it was done. Its memory may have run out. Look at the "
    "bot, then try it again."
)


class Editor:
    """The process that edits all bots of a server, one edit at a time. It starts at the first one.

    It loads PyTorch, which takes seconds and memory that answers do without.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def do(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """What `editor_process` gives for a task; a RequestError says what is wrong with it."""
        with self._lock:
            outcome = self._outcome(task)
        if "result" in outcome:
            result: dict[str, Any] = outcome["result"]
            return result
        raise RequestError(outcome["error_type"], outcome["error"], outcome.get("headers"))

    def _outcome(self, task: Mapping[str, Any]) -> dict[str, Any]:
        line = b""
        with suppress(OSError):  # it has died, or there is no memory to start it
            process = self._running()
            assert process.stdin
            assert process.stdout
            process.stdin.write(to_json(task).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if not line.endswith(b"\n"):
            self._end()
            raise RequestError("unavailable", _DIED)
        outcome: dict[str, Any] = json.loads(line)
        return outcome

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            function = "fsl_nlp.serving.editor_process:main"
            self._process = start(function, stdout=subprocess.PIPE)
        return self._process

    def _end(self) -> None:
        """End the process, whatever it does, and forget it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # what was not written to it
                pipe.close()  # type: ignore[union-attr]

    def close(self) -> None:
        """Let it finish, and end it."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()


class Edits:
    """The edits of one bot, one after another."""

    def __init__(self, bot: ServedBot, editor: Editor) -> None:
        self._bot, self._editor = bot, editor
        self._thread = ThreadPoolExecutor(1, f"edits of {bot.name}")
        self._count, self._counting = 0, threading.Lock()

    def make(
        self,
        action: str,
        arguments: Mapping[str, Any],
        *,
        refuse_if_worse: bool = False,
        expected_version: str | None = None,
    ) -> Future[dict[str, Any]]:
        """Make an edit, or refuse it at once if too many wait; gives what it did and the bot."""
        task = {
            "action": action,
            "arguments": arguments,
            "refuse_if_worse": refuse_if_worse,
            "expected_version": expected_version,
        }
        return self.submit(task)

    def diff(self) -> Future[dict[str, Any]]:
        """What the last edit changed."""
        return self.submit({"action": DIFF})

    def submit(self, task: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Do a task in its turn."""
        with self._counting:
            if self._count > _WAITING:
                raise RequestError(
                    "overloaded",
                    "Too many edits of this bot wait. Try it again in some seconds.",
                    {"Retry-After": "5"},
                )
            self._count += 1
        try:
            future = self._thread.submit(self._do, task)
        except RuntimeError:
            self._done()
            raise RequestError("unavailable", "The server is stopping.") from None
        future.add_done_callback(lambda _: self._done())
        return future

    def _do(self, task: Mapping[str, Any]) -> dict[str, Any]:
        if reason := why_no_edit(self._bot.folder):  # no need to start a process to say so
            raise RequestError("conflict", reason)
        result = self._editor.do({**task, "folder": str(self._bot.folder)})
        if task["action"] == DIFF:
            return result
        self._bot.refresh()  # the next question gets the new version
        return {**result, "bot": describe(self._bot)}

    def _done(self) -> None:
        with self._counting:
            self._count -= 1

    def close(self) -> None:
        """Wait for the edit that is being made; those that wait are dropped."""
        self._thread.shutdown(cancel_futures=True)


class EditsOfBots:
    """The edits of each served bot."""

    def __init__(self) -> None:
        self._editor = Editor()
        self._edits: dict[ServedBot, Edits] = {}
        self._making = threading.Lock()

    def __getitem__(self, bot: ServedBot) -> Edits:
        with self._making:
            if bot not in self._edits:
                self._edits[bot] = Edits(bot, self._editor)
            return self._edits[bot]

    def close(self) -> None:
        """Wait for the edits that are being made."""
        with self._making:
            edits = list(self._edits.values())
        for one in edits:
            one.close()
        self._editor.close()
