"""The bots of a server: loaded, watched, and swapped in one step."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from fsl_nlp.artifact import inspect_bot
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.errors import FslError, OptionError, did_you_mean
from fsl_nlp.folders import file_states
from fsl_nlp.loading import load_bot
from fsl_nlp.serving.errors import RequestError

if TYPE_CHECKING:
    from fsl_nlp.answering import Answering
    from fsl_nlp.artifact.inspection import ClassifierInspection

_LOOK = 0.25  # seconds between two looks at a folder


@dataclass(frozen=True)
class Loaded:
    """One save of a bot, as it answers. A request takes it once, so its answers are of one save."""

    answering: Answering
    inspection: ClassifierInspection
    state: object  # of the manifest's file


class ServedBot:
    """A bot under a name. `current` is what answers; `error` says why a newer save does not."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.error: str | None = None
        self.current = self._load()
        self._seen = self.current.state
        self._looked = time.monotonic()
        self._refreshing = Lock()

    def look(self) -> None:
        """Load the folder again, in a thread, if it was saved since; cheap if it was not."""
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        if self._state() != self._seen and not self._refreshing.locked():
            Thread(target=self.refresh, name=f"reload {self.name}", daemon=True).start()

    def refresh(self, *, force: bool = False) -> None:
        """Load the folder again if it was saved since. If that fails, the older save answers on."""
        with self._refreshing:
            state = self._state()
            if state == self._seen and not force:
                return
            try:
                self.current = self._load()
            except FslError as error:
                self._seen, self.error = state, str(error)
                logging.getLogger("fsl_nlp").warning("%s", error)
            else:
                self._seen, self.error = self.current.state, None

    def _load(self) -> Loaded:
        state = self._state()  # first: what is saved while it loads is seen as newer
        inspection: Any = inspect_bot(self.folder)
        return Loaded(load_bot(self.folder), inspection, state)

    def _state(self) -> object:
        return file_states([self.folder / CLASSIFIER.manifest])


class Bots:
    """The bots of a server by their names, in the order of the command line."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._bots: dict[str, ServedBot] = {}
        for folder in folders:
            self.add(folder)

    def add(self, folder: Path) -> ServedBot:
        """Serve one more folder, under its name."""
        name = folder.resolve().name
        if name in self._bots:
            raise OptionError(f"Two bots are named {name!r}. Rename the folder of one.")
        bot = ServedBot(name, folder)
        self._bots = {**self._bots, name: bot}
        return bot

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
