"""Edits of a bot while it is served: each is on the disk before it is answered.

An edit holds the lock of the bot's folder from reading it to saving it. So do the other workers,
other servers and `fsl-nlp edit`: no edit is made of a version that another one replaces.
"""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Callable
from contextlib import ExitStack
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_nlp.artifact.manifest import parse_manifest
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.errors import ArtifactError, DataError, OptionError
from fsl_nlp.locks import locked
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.information import why_not_editable

if TYPE_CHECKING:
    from fsl_nlp.classifier import FewShotClassifier
    from fsl_nlp.editing.edits import Edit

# What a request does to a classifier; the second argument is `refuse_if_worse`.
EditFunction = Callable[["FewShotClassifier", bool], "Edit"]

_PATIENCE = 60.0  # seconds for the edit of another process
_ATTEMPTS = 3  # where the file system has no locks, and another process saves meanwhile
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

log = logging.getLogger("fsl_nlp")


class Teacher:
    """Changes the bot in a folder. It is for one thread.

    The classifier is loaded at the first edit, and again when somebody else has saved the folder.
    `patience` are seconds to wait for an edit of another process.

    >>> from tempfile import mkdtemp
    >>> from fsl_nlp import FewShotClassifier
    >>> bot = FewShotClassifier("proto", "embedded:en")
    >>> folder = bot.fit(["where is my parcel", "refund me"], ["track", "refund"]).save(mkdtemp())
    >>> teacher = Teacher(folder)
    >>> teacher.change(lambda bot, _: bot.add_examples(["money back"], ["refund"])).after
    2
    >>> len(FewShotClassifier.load(folder).examples_)
    3
    """

    def __init__(self, folder: Path, *, patience: float = _PATIENCE) -> None:
        self.folder = folder
        self._patience = patience
        self._loaded: FewShotClassifier | None = None

    def change(
        self,
        edit: EditFunction,
        *,
        refuse_if_worse: bool = False,
        expected_version: str | None = None,
    ) -> Edit:
        """Make an edit, save it, and give what it did; nothing is saved if it was refused.

        With `expected_version`, a `model_version`, the bot must still be at that one.
        """
        for attempt in range(_ATTEMPTS):
            with ExitStack() as held:
                is_alone = self._lock(held)
                before = self.classifier()
                check_version(before, expected_version)
                bot = copy(before)  # what cannot be saved is dropped
                try:
                    result = edit(bot, refuse_if_worse)
                except OptionError as error:  # its method cannot do that
                    raise RequestError("conflict", str(error)) from error
                if not result.applied:
                    return result
                try:
                    self._save(bot)
                except ArtifactError:
                    if is_alone or attempt == _ATTEMPTS - 1 or self._is_current(before):
                        raise
                    continue  # another process was faster: the edit is made again, of its version
                self._loaded = bot
                return result
        raise AssertionError

    def classifier(self) -> FewShotClassifier:
        """The classifier as it is in the folder. Do not change it."""
        if self._loaded is None or not self._is_current(self._loaded):
            self._loaded = None  # two at once would take twice the memory
            self._loaded = load_editable(self.folder)
        return self._loaded

    def _is_current(self, bot: FewShotClassifier) -> bool:
        """Whether the save that a classifier came from is still the last one of the folder."""
        origin = bot.version_.origin
        try:
            manifest = (self.folder / CLASSIFIER.manifest).read_bytes()
        except OSError:
            return False
        return origin is not None and origin.sum == hashlib.sha256(manifest).hexdigest()

    def _lock(self, held: ExitStack) -> bool:
        """Take the lock of the folder, until `held` ends; False where it has none."""
        try:
            return held.enter_context(locked(self.folder, patience=self._patience))
        except OSError as error:
            if error.errno == errno.EBUSY:
                message = "Another program edits this bot, and does not end. Try it again later."
                raise RequestError("unavailable", message) from error
            raise ArtifactError(
                f"The bot cannot be edited: {error.strerror or error}. Check its folder."
            ) from error

    def _save(self, bot: FewShotClassifier) -> None:
        try:
            bot.save(self.folder)
        except ArtifactError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
                log.error("%s The edit was dropped.", error)
                raise RequestError(
                    "storage",
                    "The disk of the server is full. The edit was not made, and the bot answers as "
                    "before. Make room, then try it again.",
                ) from error
            raise


def check_version(bot: FewShotClassifier, expected: str | None) -> None:
    """Refuse a classifier that is at another version than the caller has seen."""
    if expected is not None and bot.model_version_ != expected:
        raise RequestError(
            "conflict",
            f"The bot was changed meanwhile: it is at version {bot.model_version_}, not at "
            f"{expected!r}. Look at it again, then repeat the edit.",
        )


def load_editable(folder: Path) -> FewShotClassifier:
    """The classifier in a folder, ready for edits; a RequestError says why it cannot be edited."""
    path = folder / CLASSIFIER.manifest
    try:
        manifest, _ = parse_manifest(path.read_bytes(), path, CLASSIFIER)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from error
    if reason := why_not_editable(folder, manifest):
        raise RequestError("conflict", reason)
    # Not before: without edits, the server needs neither PyTorch nor the memory that it takes.
    from fsl_nlp.classifier import FewShotClassifier
    from fsl_nlp.editing.versions import require_whole

    bot = FewShotClassifier.load(folder)
    try:
        require_whole(bot.version_)
    except DataError as error:
        raise RequestError("conflict", str(error)) from error
    return bot
