"""The lock of a folder: who holds it writes there alone."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = ".lock"  # a file on Windows; elsewhere the folder itself is locked

_LONGEST_WAIT = 600.0  # seconds
_PAUSE = 0.01
_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}  # the lock is another's


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the lock of an existing folder; gives False where its file system has no locks.

    Only one thread of one process can hold it. The system releases the lock of a process that ends,
    however it ends.
    """
    descriptor = _open(folder)
    try:
        is_held = _wait(descriptor)
        try:
            yield is_held
        finally:
            if is_held:
                _unlock(descriptor)
    finally:
        _close(descriptor, folder)


def _wait(descriptor: int) -> bool:
    end = time.monotonic() + _LONGEST_WAIT
    while True:
        try:
            _lock(descriptor)
            return True
        except OSError as error:
            if error.errno not in _HELD:
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
