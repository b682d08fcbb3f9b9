"""Reads a user's file into memory: a file or a pipe, no device, and no more than it may have."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any

from fsl_nlp.errors import DataError
from fsl_nlp.json_text import parse_json

MOST_BYTES = 2 << 30  # of a file that is read whole; as Python strings it takes several times more
MOST_IN_A_LINE = 64 << 20
_BLOCK = 1 << 22


def refuse_devices(path: Path, source: str) -> None:
    """Refuse what is no file and no pipe; messages call it `source`.

    >>> refuse_devices(Path("/dev/zero"), "zero.csv")
    Traceback (most recent call last):
    fsl_nlp.errors.DataError: zero.csv is neither a file nor a pipe, so it is not read.
    """
    mode = _status(path, source).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise DataError(f"{source} is neither a file nor a pipe, so it is not read.")


def check_readable(path: Path, source: str) -> None:
    """Refuse a device, and a file that is too large to be read whole."""
    refuse_devices(path, source)
    if _status(path, source).st_size > MOST_BYTES:
        raise too_large(source)


def _status(path: Path, source: str) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}.") from None


def read_whole(path: Path, source: str) -> bytes:
    """The content of a file or of a pipe."""
    check_readable(path, source)
    try:
        with path.open("rb") as file:
            return read_rest(file, source)
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}.") from None


def read_text(path: Path, source: str) -> str:
    """The text of a file in UTF-8; messages call it `source`."""
    try:
        return read_whole(path, source).decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise DataError(f"{source} is not in UTF-8. Save it in UTF-8.") from None


def read_json(path: Path, source: str) -> Any:
    """The value in a file of JSON in UTF-8; messages call it `source`.

    >>> read_json(Path("/dev/zero"), "zero.json")
    Traceback (most recent call last):
    fsl_nlp.errors.DataError: zero.json is neither a file nor a pipe, so it is not read.
    """
    try:
        return parse_json(read_text(path, source))
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{source} is not JSON: {error}.") from None


def read_rest(file: io.BufferedIOBase, source: str) -> bytes:
    """What is left of an open file or pipe."""
    blocks, size = [], 0
    while block := file.read(_BLOCK):  # Python would reserve all that it is asked for
        blocks.append(block)
        size += len(block)
        if size > MOST_BYTES:
            raise too_large(source)
    return b"".join(blocks)


def too_large(source: str) -> DataError:
    """The error for a file that is not read whole."""
    return DataError(
        f"{source} has more than {MOST_BYTES >> 30} GB, which is too much to read at once. Divide "
        "it, or predict its lines as a .txt file in UTF-8: those may be any number."
    )
