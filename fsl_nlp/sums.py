"""Files that must stay as they were written: their sizes and sums, read again after a change.

What was whole is noted with its times, so that a start does not read hundreds of megabytes. That
guards against accidents: whoever can alter the files can alter the note.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsl_nlp.folders import file_sha256, make_cache_folder, write_atomically
from fsl_nlp.json_text import parse_json

Entries = Mapping[str, tuple[int, str]]  # by path in a folder: bytes and sha256

CHECKED = ".checked"  # the note in a folder of fsl_nlp's own


def entries_of(folder: Path, names: Iterable[str]) -> dict[str, tuple[int, str]]:
    """The bytes and the sums of files.

    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "a.txt").write_bytes(b"hello")
    >>> entries_of(folder, ["a.txt"])["a.txt"][0]
    5
    """
    return {name: ((folder / name).stat().st_size, file_sha256(folder / name)) for name in names}


def fault_in(folder: Path, entries: Entries, *, note: Path | None = None) -> str:
    """What is wrong with the first file that is cut off or altered; "" if all are whole.

    With a `note`, sums are computed again only for files that have changed since they were noted.

    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "a.txt").write_bytes(b"hello")
    >>> entries = entries_of(folder, ["a.txt"])
    >>> fault_in(folder, entries)
    ''
    >>> _ = (folder / "a.txt").write_bytes(b"hallo")
    >>> "a.txt is altered" in fault_in(folder, entries)
    True
    """
    for name, (size, _) in entries.items():
        path = folder / name
        try:
            bytes_here = path.stat().st_size
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}."
        if bytes_here != size:
            return f"{path} is cut off or altered: it has {bytes_here} bytes, not {size}."
    if note is not None and _read(note) == _states(folder, entries):
        return ""
    for name, (_, digest) in entries.items():
        here = file_sha256(folder / name)
        if here != digest:
            return (
                f"{folder / name} is altered: its sha256 is {here}, and that of the file as it "
                f"was written is {digest}."
            )
    if note is not None:
        note_whole(note, folder, entries)
    return ""


def note_whole(note: Path, folder: Path, entries: Entries) -> None:
    """Note that the files are whole now; if that cannot be written, they are read next time."""
    with suppress(OSError):
        make_cache_folder(note.parent)
        write_atomically(note, json.dumps(_states(folder, entries)))


def _states(folder: Path, entries: Entries) -> dict[str, list[Any]]:
    return {
        name: [digest, (status := (folder / name).stat()).st_size, status.st_mtime_ns]
        for name, (_, digest) in entries.items()
    }


def _read(note: Path) -> Any:
    try:
        return parse_json(note.read_bytes())
    except (OSError, ValueError):
        return None
