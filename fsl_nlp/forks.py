"""What a forked process needs.

`os.fork` copies the memory of a process, but of its threads only the one that called it. A lock
that another thread held is never released in the copy, and a pool of threads has no threads.
"""

from __future__ import annotations

import ctypes
import os
import threading
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

# Seconds that a fork waits for a lock which its child needs in a whole state.
_PATIENCE = 5.0


class Renewable(Protocol):
    """An object that a fork would leave unusable."""

    def after_fork(self) -> None:
        """Make it usable again; called in the new process before anything else."""


_renewables: WeakSet[Renewable] = WeakSet()
_registering = threading.Lock()
_registered = False


def renew_after_fork(thing: Renewable) -> None:
    """Call `thing.after_fork()` in every process that is forked from now on."""
    global _registered
    with _registering:
        _renewables.add(thing)
        if not _registered and hasattr(os, "register_at_fork"):  # not on Windows
            _registered = True
            os.register_at_fork(
                before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
            )


class Lock:
    """A lock that is free in a forked process.

    With `wait`, a fork first waits until no thread holds it: what it protects is then whole in the
    new process. Such a lock must be held for a short time, and no other one inside it.

    >>> lock = Lock()
    >>> with lock:
    ...     pass
    """

    def __init__(self, *, reentrant: bool = False, wait: bool = False) -> None:
        self._make = threading.RLock if reentrant else threading.Lock
        self._lock = self._make()
        self._is_renewed = False
        self.wait = wait

    def __enter__(self) -> None:
        if not self._is_renewed:
            renew_after_fork(self)
            self._is_renewed = True
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self, timeout: float = -1) -> bool:
        """Take the lock; False if that took longer than `timeout` seconds."""
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def after_fork(self) -> None:
        """A new lock in place of the old one."""
        self._lock = self._make()


def never_destroy(thing: object) -> None:
    """Keep an object until the process has ended.

    A pool of threads whose threads are gone would wait for them in its destructor, for ever. Python
    destroys what its variables hold when it ends, so no variable could keep it.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


_held = threading.local()


def _before() -> None:
    with _registering:
        locks = [thing for thing in _renewables if isinstance(thing, Lock) and thing.wait]
    _held.locks = [lock for lock in locks if lock.acquire(timeout=_PATIENCE)]


def _after_in_parent() -> None:
    for lock in _held.__dict__.pop("locks", ()):
        lock.release()


def _after_in_child() -> None:
    global _registering
    _registering = threading.Lock()
    _held.__dict__.pop("locks", None)
    # The pool of threads of `tokenizers` is not here. It forks off its own use only while its
    # user has not said that it may compute in parallel.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for thing in list(_renewables):
        with suppress(Exception):  # the others still need theirs
            thing.after_fork()
