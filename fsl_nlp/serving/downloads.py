"""The folder of a bot as a ZIP archive, made while it is sent."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from fsl_nlp.artifact.manifest import parse_manifest
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.errors import ArtifactError

_BLOCK = 1 << 18  # bytes that are in memory at once
_ATTEMPTS = 100  # each time another save has removed files of the one that is opened


class SavedFiles:
    """The open files of one save. Their content stays, though a newer save removes the names."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        try:
            self._files = _open_all(folder, self._stack)
        except BaseException:
            self._stack.close()
            raise

    def as_zip(self, name: str) -> Iterator[bytes]:
        """The archive in parts, with all files in a folder of this name; closes the files."""
        sent = _Sent()
        with self._stack, zipfile.ZipFile(sent, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            for path, source in self._files.items():
                entry = zipfile.ZipInfo(f"{name}/{path}")
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (stat.S_IFREG | 0o600) << 16
                size = os.fstat(source.fileno()).st_size
                with file.open(entry, "w", force_zip64=size > zipfile.ZIP64_LIMIT // 2) as target:
                    while block := source.read(_BLOCK):
                        target.write(block)
                        yield sent.take()
                yield sent.take()
        yield sent.take()


class _Sent(io.RawIOBase):
    """Where the archive is written to: what comes is kept until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(content))
        return len(content)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _open_all(folder: Path, stack: ExitStack) -> dict[str, BinaryIO]:
    """The files that the manifest names, those of exported encoders, and the manifest."""
    path = folder / CLASSIFIER.manifest
    for _ in range(_ATTEMPTS):
        with ExitStack() as attempt:
            try:
                manifest = attempt.enter_context(path.open("rb"))
                content, _number = parse_manifest(manifest.read(), path, CLASSIFIER)
                manifest.seek(0)
                names = [Path(entry["name"]).name for entry in content["files"].values()]
                paths = [folder / name for name in names]
                for encoder in sorted(folder.glob("encoder-*/")):
                    paths += sorted(file for file in encoder.rglob("*") if file.is_file())
                files: dict[str, BinaryIO] = {
                    file.relative_to(folder).as_posix(): attempt.enter_context(file.open("rb"))
                    for file in paths
                }
            except FileNotFoundError:
                continue
            except OSError as error:
                raise ArtifactError(f"{folder} cannot be read: {error.strerror}.") from None
            stack.enter_context(attempt.pop_all())
            return {**files, CLASSIFIER.manifest: manifest}
    raise ArtifactError(f"{folder} is not complete, or is saved again and again. Try it again.")
