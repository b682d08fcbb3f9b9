"""Model folders that fsl_nlp writes into the cache, each with a marker that says when it is whole.

The marker is written last. It names what the folder was made from, and the sizes and the sums of
its files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsl_nlp.errors import ModelError
from fsl_nlp.sums import CHECKED, entries_of, fault_in, note_whole

MARKER = "fsl_nlp.json"


def seal(folder: Path, origin: Mapping[str, Any]) -> None:
    """Write the marker of a folder whose files are all there.

    The files hold nothing of a user. Users may share a cache, so others may read them (safetensors
    lets only the owner) but not alter them.
    """
    paths = sorted(folder.rglob("*"))
    files = [path for path in paths if path.is_file()]
    readable = (folder / "config.json").stat().st_mode & 0o755
    for path in (folder, *paths):
        path.chmod(readable if path.is_file() else path.stat().st_mode & 0o755)
    entries = entries_of(folder, [path.relative_to(folder).as_posix() for path in files])
    marker = {
        **origin,
        "sizes": {name: size for name, (size, _) in entries.items()},
        "sums": {name: digest for name, (_, digest) in entries.items()},
    }
    (folder / MARKER).write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
    note_whole(folder / CHECKED, folder, entries)
    for name in (MARKER, CHECKED):
        (folder / name).chmod(readable)


def is_whole(folder: Path, origin: Mapping[str, Any]) -> bool:
    """Whether a folder was made from `origin`, and all its files are as they were written.

    Their sums are computed only if a size or a time has changed.
    """
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        if {name: marker[name] for name in origin} != origin:
            return False
        sizes, sums = marker["sizes"], marker["sums"]
        entries = {name: (int(sizes[name]), str(digest)) for name, digest in sums.items()}
        return bool(entries) and not fault_in(folder, entries, note=folder / CHECKED)
    except (OSError, ModelError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def preparing(title: str, target: Path) -> str:
    """What the user is told before a folder is written."""
    if (target / MARKER).exists():
        return f"{target} is damaged or of an older version: preparing {title} again (470 MB)"
    return f"Preparing {title} (once, 470 MB in {target})"
