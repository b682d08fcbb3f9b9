"""The bots of a server: loaded, watched, and swapped in one step."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread, current_thread, main_thread
from typing import TYPE_CHECKING, Any

from fsl_nlp.artifact import inspect_bot
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.errors import ArtifactError, FslError, OptionError, did_you_mean, first_line
from fsl_nlp.loading import load_bot
from fsl_nlp.runtime.bot import Bot
from fsl_nlp.serving.errors import RequestError

if TYPE_CHECKING:
    from fsl_nlp.answering import Answering
    from fsl_nlp.artifact.inspection import ClassifierInspection

log = logging.getLogger("fsl_nlp")

_LOOK = 0.25  # seconds between two looks at the folders
_RETRY = (0.5, 30.0)  # seconds until a save that failed is tried again, at first and at most
_ATTEMPTS = 10  # at reading a folder that is saved meanwhile

# After each attempt to load a bot: its name, the seconds, and whether it is loaded.
Report = Callable[[str, float, bool], None]


@dataclass(frozen=True, eq=False)
class Loaded:
    """One save of a bot, as it answers. A request takes it once, so its answers are of one save."""

    answering: Answering
    inspection: ClassifierInspection


class ServedBot:
    """A bot under a name. `current` is what answers; `error` says why a newer save does not."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        report: Report = lambda *_: None,
    ) -> None:
        self.name = name
        self.folder = folder
        self.error: str | None = None
        self._report = report
        self._refreshing = Lock()
        self._seen = _state_of(folder)
        self._missing = False  # at the last look
        self._failures, self._retry = 0, 0.0
        self.current = _load(folder)

    def refresh(self, *, force: bool = False) -> None:
        """Load the folder again if it was saved since. If that fails, the older save answers on."""
        with self._refreshing:
            state = _state_of(self.folder)  # first: what is saved meanwhile is seen as newer
            if state == self._seen and not force:
                return
            start = time.monotonic()
            try:
                self.current = _load(self.folder)
            except Exception as error:  # whatever is wrong with a save, the older one answers
                self._fail(error)
            else:
                self.error, self._failures = None, 0
            self._seen = state
            self._report(self.name, time.monotonic() - start, self.error is None)

    def look(self) -> None:
        """Refresh if the folder looks other than before, or if it is time to try again.

        A folder that takes the place of another one may be missing for a moment.
        """
        state = _state_of(self.folder)
        missing, self._missing = self._missing, state is None
        if state is None and not missing:
            return
        again = self.error is not None and time.monotonic() >= self._retry
        if state != self._seen or again:
            self.refresh(force=again)

    def _fail(self, error: Exception) -> None:
        first, most = _RETRY
        self._retry = time.monotonic() + min(most, first * 2**self._failures)
        self._failures = min(self._failures + 1, 30)
        message = str(error)
        if not isinstance(error, FslError):
            message = f"{self.folder} cannot be loaded: {type(error).__name__}: {first_line(error)}"
        if message != self.error:  # once, not at each attempt
            log.warning("%s The older save of %s answers on.", message, self.name)
        self.error = message


def _load(folder: Path) -> Loaded:
    """What a folder holds, and what is said of it, of one save."""
    for _ in range(_ATTEMPTS):
        answering = load_bot(folder, threads=1)
        inspection: Any = inspect_bot(folder)
        if not isinstance(answering, Bot) and inspection.without_torch:
            # Its first answer makes the graph of its encoder; then it needs torch no more.
            answering.classify(["."])
            answering = load_bot(folder, threads=1)
        if not isinstance(answering, Bot):
            import torch

            torch.set_num_threads(1)  # of one answer, as for a bot without torch
        if inspection.model_version == answering.model_version_:
            return Loaded(answering, inspection)
    raise ArtifactError(f"{folder} is saved again and again while it is read. Try it again later.")


def _state_of(folder: Path) -> object:
    """Changes with every save, and when another folder takes the place of this one."""
    try:
        status = (folder / CLASSIFIER.manifest).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class Bots:
    """The bots of a server by their names, in the order of the command line.

    `watch` starts a thread that looks at their folders, four times a second.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        report: Report = lambda *_: None,
    ) -> None:
        self._bots: dict[str, ServedBot] = {}
        self._adding = Lock()
        self._report = report
        self._wake = Event()
        self._force = self._stopped = False
        self._watcher: Thread | None = None
        for folder in folders:
            self.add(folder)

    def add(self, folder: Path) -> ServedBot:
        """Serve one more folder, under its name."""
        folder = Path(
            os.path.normpath(folder.absolute())
        )  # a link keeps its name, wherever it leads
        with self._adding:
            if folder.name in self._bots:
                raise OptionError(f"Two bots are named {folder.name!r}. Rename the folder of one.")
            bot = ServedBot(folder.name, folder, report=self._report)
            self._bots = {**self._bots, folder.name: bot}
        return bot

    def watch(self, look: Callable[[Bots], object] = lambda _: None) -> None:
        """Load a bot again when its folder changes, until `close`; `look` may add bots."""
        self._watcher = Thread(target=self._watch, args=(look,), name="watch bots", daemon=True)
        self._watcher.start()

    def reload(self) -> None:
        """Load all bots again, soon, in the thread that watches."""
        self._force = True
        self._wake.set()

    def close(self) -> None:
        """Stop watching."""
        self._stopped = True
        self._wake.set()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self, look: Callable[[Bots], object]) -> None:
        while not self._stopped:
            self._wake.wait(_LOOK)
            self._wake.clear()
            force, self._force = self._force, False
            look(self)
            for bot in self:
                if self._stopped:
                    return
                if force:
                    bot.refresh(force=True)
                else:
                    bot.look()

    def __getitem__(self, name: str | None) -> ServedBot:
        """The bot of a name; the first one for None."""
        bots = self._bots
        if name is None:
            if not bots:
                raise RequestError("not_found", "There is no bot yet. Train one on the page.")
            return next(iter(bots.values()))
        if name not in bots:
            raise RequestError("not_found", f"There is no bot {name!r}.{did_you_mean(name, bots)}")
        return bots[name]

    def __contains__(self, name: object) -> bool:
        return name in self._bots

    def __iter__(self) -> Iterator[ServedBot]:
        return iter(tuple(self._bots.values()))

    def __len__(self) -> int:
        return len(self._bots)


@contextmanager
def reloading_on_hangup(bots: Bots) -> Iterator[None]:
    """Inside a `with` block, the signal SIGHUP loads all bots again."""
    if not hasattr(signal, "SIGHUP") or current_thread() is not main_thread():
        yield  # on Windows, and in tests
        return
    before = signal.signal(signal.SIGHUP, lambda *_: bots.reload())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
