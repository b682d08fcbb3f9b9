"""Standard streams that are closed, full or not in UTF-8."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO


def open_missing() -> tuple[TextIO, TextIO]:
    """Stdout and stderr; the null device in place of one that the caller closed (`>&-`).

    Otherwise the next file that is opened gets the number of that stream, and what libraries
    print would go into it. `sys.stdin` stays None, so that commands can ask for another input.
    """
    null = os.open(os.devnull, os.O_RDWR)
    while null <= 2:
        null = os.dup(null)
    os.close(null)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return sys.stdout, sys.stderr


def drop_unwritten(*streams: TextIO) -> None:
    """Forget what a stream could not take; Python would try again at its end, and complain."""
    for stream in streams:
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
