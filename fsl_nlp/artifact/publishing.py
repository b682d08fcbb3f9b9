"""Writing a saved form to a folder, beside readers and other writers.

The name of a file holds its sum, so a new file never replaces an old one. The manifest is written
last and is the only file that is replaced: until then a reader sees the old folder whole. Saves of
one folder wait for each other. The last one wins, and removes the files of all others. When a save
returns, the disk has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsl_nlp.artifact.manifest import Protocol, pack
from fsl_nlp.errors import ArtifactError
from fsl_nlp.folders import PRIVATE_FILE, is_old, make_folder, sync_folder, write_atomically
from fsl_nlp.locks import locked


def publish(
    folder: Path,
    protocol: Protocol,
    manifest: Mapping[str, Any],
    contents: Mapping[str, bytes],
    *,
    replacing: str | None = None,
) -> str:
    """Write the files, then the manifest with their sums, then remove the files of older ones.

    `contents` maps a kind of file to what it holds. `manifest` gets `format`, `files` and `sum`.
    Whoever could read the older one can read the new one; at first, that is the owner alone.
    Gives the sum of the save (`Snapshot.sum`). `replacing` is the sum of the save that the new one
    is made of: another one meanwhile is not replaced.
    """
    packed = pack(protocol, manifest, contents)
    make_folder(folder)
    with locked(folder) as is_alone:
        if replacing is not None:
            _refuse_another(folder, protocol, replacing)
        before = {path.name for path in folder.iterdir()}
        try:
            _write(folder, protocol, packed)
        except BaseException:
            if is_alone:
                _withdraw(folder, protocol, packed, before)
            raise
        _remove_others(folder, protocol, packed, is_alone)
    return hashlib.sha256(packed[protocol.manifest]).hexdigest()


def _write(folder: Path, protocol: Protocol, packed: Mapping[str, bytes]) -> None:
    mode = _mode(folder / protocol.manifest)
    for name, content in packed.items():
        if name == protocol.manifest:
            sync_folder(folder)  # the files that it names are there first, after a power cut too
        write_atomically(folder / name, content, mode=mode)
    sync_folder(folder)


def _withdraw(
    folder: Path, protocol: Protocol, packed: Mapping[str, bytes], before: Collection[str]
) -> None:
    """Remove the files of a save that failed: on a full disk, they would fill it further."""
    with suppress(OSError):
        manifest = folder / protocol.manifest
        if manifest.exists() and manifest.read_bytes() == packed[protocol.manifest]:
            return  # the save was done, and readers need its files
        for name in packed.keys() - set(before) - {protocol.manifest}:
            (folder / name).unlink(missing_ok=True)


def _refuse_another(folder: Path, protocol: Protocol, replacing: str) -> None:
    try:
        current = hashlib.sha256((folder / protocol.manifest).read_bytes()).hexdigest()
    except FileNotFoundError:  # nothing that could be lost
        return
    if current != replacing:
        raise ArtifactError(
            f"The {protocol.noun} in {folder} was saved again by somebody else since it was loaded "
            "here. Saving would undo that. Load it again and repeat the edit, or save to another "
            "folder."
        )


def _mode(manifest: Path) -> int:
    """The mode of the older manifest, which its owner may have changed."""
    try:
        return manifest.stat().st_mode & 0o666
    except OSError:
        return PRIVATE_FILE


def _remove_others(
    folder: Path, protocol: Protocol, current: Collection[str], is_alone: bool
) -> None:
    for path in folder.iterdir():
        if path.name not in current and protocol.is_leftover(path.name):
            with suppress(OSError):  # on Windows, a reader has it open; the next save removes it
                # Without a lock, another save may just have written it.
                if is_alone or is_old(path):
                    path.unlink()
