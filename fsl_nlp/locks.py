"""The lock of a folder: who holds it writes there alone.

A save holds it, and so does an edit of what is saved, from the reading to the save: then no two
edits are made of the same version.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = ".lock"  # a file on Windows; elsewhere the folder itself is locked

_LONGEST_WAIT = 600.0  # seconds
_PAUSE = 0.01
_TAKEN = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}  # the lock is another's

_held = threading.local()  # `folders`: what this thread holds, and whether the system locks it


@contextmanager
def locked(folder: Path, *, patience: float | None = None) -> Iterator[bool]:
    """Hold the lock of an existing folder; gives False where its file system has no locks.

    Only one thread of one process can hold it, and it may take it again inside. Others wait, at
    most `patience` seconds (ten minutes by default), then an OSError of EBUSY ends that. The system
    releases the lock of a process that ends, however it ends.
    """
    folders: dict[object, bool] = _held.__dict__.setdefault("folders", {})
    status = folder.stat()
    place = (os.getpid(), status.st_dev, status.st_ino)  # a fork copies the memory, not the lock
    if place in folders:
        yield folders[place]
        return
    descriptor = _open(folder)
    try:
        is_held = _wait(descriptor, _LONGEST_WAIT if patience is None else patience)
        folders[place] = is_held
        try:
            yield is_held
        finally:
            del folders[place]
            if is_held:
                _unlock(descriptor)
    finally:
        _close(descriptor, folder)


def _wait(descriptor: int, patience: float) -> bool:
    end = time.monotonic() + patience
    while True:
        try:
            _lock(descriptor)
            return True
        except OSError as error:
            if error.errno not in _TAKEN:
                return False
        if time.monotonic() > end:
            raise OSError(errno.EBUSY, "another process is writing there, and does not end")
        time.sleep(_PAUSE)


if sys.platform == "win32":
    import msvcrt

    def _open(folder: Path) -> int:
        return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def _close(descriptor: int, folder: Path) -> None:
        os.close(descriptor)
        with suppress(OSError):  # another process has it open
            (folder / LOCK).unlink()

else:
    import fcntl

    def _open(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY)

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        # Closing would not do: a process that was forked meanwhile has the descriptor, too.
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _close(descriptor: int, _: Path) -> None:
        os.close(descriptor)
