"""Where files go, and how they are written so that a crash leaves the old ones whole."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fsl_nlp.errors import ModelError

_DAY = 24 * 60 * 60
_ATTEMPTS = 10  # at renaming a folder, while other processes do the same


def cache_folder() -> Path:
    """The user's cache for models and vectors; FSL_NLP_CACHE names another folder."""
    if folder := os.environ.get("FSL_NLP_CACHE"):
        return Path(folder).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "fsl_nlp"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/fsl_nlp"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fsl_nlp"


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write beside `path`, then rename: readers see the old file or the new one, never a part."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        # Named after the user's file, not the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from error


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
    for path in target.parent.glob(f".{target.name}.*"):  # of processes that crashed
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                shutil.rmtree(path, ignore_errors=True)
    building = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        yield building
        publish_folder(building, target, is_whole)
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
