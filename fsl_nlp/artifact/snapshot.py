"""Reading a saved form whole: its manifest and its files, all of one save."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fsl_nlp.artifact.manifest import Manifest, Protocol, damaged, parse_manifest
from fsl_nlp.errors import ArtifactError

# Each time another save has replaced the manifest and removed its files.
_ATTEMPTS = 100


@dataclass(frozen=True)
class Snapshot:
    """What one save wrote.

    `manifest` is in the newest format, `format` is the number that it was written with. `contents`
    maps the kinds of files that the manifest names to what they hold. `sum` names all of this.
    """

    folder: Path
    protocol: Protocol
    format: int
    manifest: Manifest
    contents: Mapping[str, bytes]
    sum: str

    def damaged(self, reason: str) -> ArtifactError:
        """The error for a manifest that does not fit the files, whatever its sum says."""
        return damaged(self.folder / self.protocol.manifest, self.protocol, reason)

    def unreadable(self, kind: str, reason: str) -> ArtifactError:
        """The error for a file that does not hold what its kind must."""
        path = self.folder / self.manifest["files"][kind]["name"]
        return ArtifactError(
            f"{path} cannot be read: {reason}. Copy the folder again, or {self.protocol.again}."
        )


def read_snapshot(folder: Path, protocol: Protocol) -> Snapshot:
    """The manifest of a folder and all files that it names; their sums are checked.

    Another process may save to the folder meanwhile: then this is the older save or the new one.
    """
    manifest = _read_manifest(folder, protocol)
    for _ in range(_ATTEMPTS):
        try:
            return snapshot_of(manifest, lambda name: _read(folder / name), folder, protocol)
        except ArtifactError:
            newer = _read_manifest(folder, protocol)
            if newer == manifest:
                raise
            manifest = newer
    raise ArtifactError(f"{folder} is saved again and again while it is read. Try it again later.")


def snapshot_of(
    manifest: bytes, read: Callable[[str], bytes], folder: Path, protocol: Protocol
) -> Snapshot:
    """The snapshot with this manifest and the files that `read` gives; `folder` is for messages."""
    content, number = parse_manifest(manifest, folder / protocol.manifest, protocol)
    contents = {}
    for kind, entry in content["files"].items():
        name = Path(entry["name"]).name  # never a file outside
        contents[kind] = _checked(folder / name, partial(read, name), entry, protocol)
    digest = hashlib.sha256(manifest).hexdigest()
    return Snapshot(folder, protocol, number, content, contents, digest)


def _read_manifest(folder: Path, protocol: Protocol) -> bytes:
    path = folder / protocol.manifest
    try:
        return _read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(
            f"There is no {protocol.noun} in {folder} (no {protocol.manifest}). "
            f"Give the folder that {protocol.writers} wrote."
        ) from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from None


def _checked(
    path: Path, read: Callable[[], bytes], entry: Mapping[str, str], protocol: Protocol
) -> bytes:
    try:
        content = read()
    except FileNotFoundError:
        raise ArtifactError(
            f"{path} is missing. Copy the whole folder, or {protocol.again}."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = getattr(error, "strerror", None) or error
        raise ArtifactError(f"{path} cannot be read: {reason}.") from None
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise ArtifactError(
            f"{path} is cut off or altered: its sum is not the one in {protocol.manifest}. "
            f"Copy the folder again, or {protocol.again}."
        )
    return content


def _read(path: Path) -> bytes:
    # Reading a pipe would wait for ever, and a device has no end.
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(None, "it is no file")
    return path.read_bytes()
