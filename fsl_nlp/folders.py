"""Where files go, and how they are written so that a crash leaves the old ones whole."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from fsl_nlp.errors import ModelError

# The modes of files with users' texts and models, and of the folders that are made for them. Other
# files and folders are as the umask of the user says.
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700

_DAY = 24 * 60 * 60
_ATTEMPTS = 10  # at renaming, while other processes do the same


def cache_folder() -> Path:
    """The user's cache for models and vectors; FSL_NLP_CACHE names another folder."""
    if folder := os.environ.get("FSL_NLP_CACHE"):
        return Path(folder).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "fsl_nlp"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/fsl_nlp"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fsl_nlp"


def make_cache_folder(folder: Path) -> None:
    """Make a folder of the cache, and those above it, if they are missing.

    Others cannot look into a new cache. One that exists keeps its rights, so that users may share
    it: what is made inside is for them to read, and for nobody else to write.
    """
    if folder.is_dir():
        return
    shared = cache_folder().is_dir() and cache_folder() in folder.parents
    if folder.parent != folder:
        make_cache_folder(folder.parent)
    folder.mkdir(mode=0o755 if shared else PRIVATE_FOLDER, exist_ok=True)


def write_atomically(path: Path, content: bytes | str, *, mode: int = 0o666) -> None:
    """Write beside `path`, then rename: readers see the old file or the new one, never a part.

    `mode` is that of the file, less the umask: PRIVATE_FILE for users' texts and models. A folder
    that is missing is made, and is private if the file is.
    """
    with open_atomically(path, mode=mode) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def open_atomically(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` if nothing fails, as in `write_atomically`."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        make_folder(path.parent, private=mode == PRIVATE_FILE)
        try:
            with open(temporary, "xb", opener=partial(os.open, mode=mode)) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        # Named after the user's file, not the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from error
    remove_leftovers(path)


def _replace(source: Path, target: Path) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            # Windows does not replace a file while somebody reads it.
            if sys.platform != "win32" or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.01 * 2**attempt)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names of the files of a folder: a rename alone may be lost."""
    if sys.platform == "win32":  # renames are journalled, and a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without it
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_leftover(name: str, target: str) -> bool:
    """Whether a writer of the file or folder `target` that was killed may have left this name.

    >>> is_leftover(".bot.0123456789ab", "bot"), is_leftover(".bot.txt", "bot")
    (True, False)
    """
    return re.fullmatch(rf"\.{re.escape(target)}\.[0-9a-f]{{12}}", name) is not None


def remove_leftovers(target: Path) -> None:
    """Remove what writers of `target` left that were killed more than a day ago."""
    with suppress(OSError):
        for path in target.parent.iterdir():
            if is_leftover(path.name, target.name) and is_old(path):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()


def is_old(path: Path) -> bool:
    """Whether a file or folder is more than a day old, so that nobody is still writing it."""
    return time.time() - path.stat().st_mtime > _DAY


def make_folder(folder: Path, *, private: bool = True) -> None:
    """Make a folder with its parents. One that exists stays as it is."""
    folder.mkdir(PRIVATE_FOLDER if private else 0o777, parents=True, exist_ok=True)


def make_private(folder: Path) -> None:
    """Take a new folder and all that it holds from everybody but its owner."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE)


def publish_folder(building: Path, target: Path, is_whole: Callable[[Path], bool]) -> None:
    """Rename the finished folder `building` to `target`, unless another process was first.

    A folder cannot be renamed onto one with files, so an incomplete target is moved aside first. It
    is checked again there, because another process may have completed it in between.
    """
    for attempt in range(_ATTEMPTS):
        try:
            building.rename(target)
            return
        except OSError:
            if is_whole(target):
                return
            if attempt == _ATTEMPTS - 1:
                raise
        aside = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        with suppress(OSError):
            target.rename(aside)
            if is_whole(aside):
                aside.rename(target)
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def new_folder(target: Path, is_whole: Callable[[Path], bool]) -> Iterator[Path]:
    """The path of a new folder, which is renamed to `target` at the end if nothing failed.

    If another process finished first, its folder stays.
    """
    with scratch_folder(target) as building:
        yield building
        publish_folder(building, target, is_whole)


@contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """The path of a new folder beside `target`, to be renamed; what is still there is removed."""
    remove_leftovers(target)
    building = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)


def file_states(paths: Iterable[Path]) -> dict[Path, tuple[int, int] | None]:
    """Size and time of change of each file; None if it is not there."""
    states: dict[Path, tuple[int, int] | None] = {}
    for path in paths:
        try:
            status = path.stat()
            states[path] = status.st_size, status.st_mtime_ns
        except OSError:
            states[path] = None
    return states


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in hex, or a ModelError."""
    try:
        with path.open("rb") as file:
            # hashlib.file_digest needs Python 3.11.
            digest = hashlib.sha256()
            while block := file.read(1 << 22):
                digest.update(block)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
    return digest.hexdigest()
