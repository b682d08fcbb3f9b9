"""Bots that the server made: where they lie, how they are named, how every worker gets them.

They lie beside the bots of the command line, as folders like those. A file of the same name in the
state folder says that the server made one; only such a bot may be replaced, and only such bots are
served besides those that the command line names.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from pathlib import Path

from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.errors import FslError, OptionError
from fsl_nlp.folders import PRIVATE_FILE, file_states, make_folder, write_atomically
from fsl_nlp.serving.bots import Bots
from fsl_nlp.serving.settings import ServerSettings

STATE_FOLDER = ".fsl-nlp-serve"

_NAME = re.compile(r"\w(?:[\w .-]{0,62}[\w-])?")
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")  # names of devices on Windows

log = logging.getLogger("fsl_nlp")


def check_name(name: str) -> str:
    """The name of a bot, which becomes that of a folder.

    >>> check_name("客服-1")
    '客服-1'
    >>> check_name("../etc")
    Traceback (most recent call last):
    fsl_nlp.errors.OptionError: bot='../etc': write letters, digits, "-", "_", "." and spaces, at \
most 64, and begin with a letter or a digit.
    """
    composed = unicodedata.normalize("NFC", name)
    # 255 bytes is the longest name of a file, and the parts of a save have longer names.
    if (
        not _NAME.fullmatch(composed)
        or _RESERVED.fullmatch(composed)
        or len(composed.encode()) > 200
    ):
        raise OptionError(
            f'bot={name!r:.80}: write letters, digits, "-", "_", "." and spaces, at most 64, and '
            "begin with a letter or a digit."
        )
    return composed


class NewBots:
    """The bots that a server and its workers made, in a folder that they share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.state = self.folder / STATE_FOLDER
        self._made = self.state / "bots"
        self._seen: object = None
        self._looking = threading.Lock()

    @classmethod
    def of(cls, settings: ServerSettings) -> NewBots:
        """Those in the folder of the settings, or beside the first bot of the command line."""
        beside = settings.bots[0].resolve().parent if settings.bots else Path.cwd()
        return cls(settings.new_bots or beside)

    def names(self) -> list[str]:
        """The names of the bots that the server made."""
        try:
            return sorted(path.name for path in self._made.iterdir() if path.name[0] != ".")
        except OSError:
            return []

    def check_free(self, name: str, *, replace: bool) -> None:
        """Refuse a name that something else has: no folder is overwritten by mistake."""
        if not (self.folder / name).exists():
            return
        if name not in self.names():
            raise OptionError(
                f"bot={name!r}: there is a folder of this name in {self.folder}, which this server "
                "did not make. Take another name."
            )
        if not replace and (self.folder / name / CLASSIFIER.manifest).exists():
            raise OptionError(
                f"bot={name!r}: there is such a bot. Take another name, or replace it with "
                "replace=true."
            )

    def claim(self, name: str, *, replace: bool) -> Path:
        """The folder to save a new bot in, which from now on is the server's."""
        self.check_free(name, replace=replace)
        make_folder(self.state)  # one by one: all are private
        make_folder(self._made)
        folder = self.folder / name
        if name not in self.names():
            folder.mkdir(0o700)  # an error if somebody else made one just now
            write_atomically(self._made / name, b"", mode=PRIVATE_FILE)
        return folder

    def look(self, bots: Bots) -> None:
        """Serve the bots that are new."""
        with self._looking:
            names = self.names()
            state = file_states(self.folder / name / CLASSIFIER.manifest for name in names)
            if state == self._seen:
                return
            self._seen = state
            served = {bot.name for bot in bots}
            for name in names:
                path = self.folder / name
                if name not in served and state[path / CLASSIFIER.manifest] is not None:
                    try:
                        bots.add(path)
                    except FslError as error:
                        log.warning("%s", error)
