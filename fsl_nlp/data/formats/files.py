"""The files of a folder or of a zip archive, which is never unpacked to the disk."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from fsl_nlp.data.encoding import decode
from fsl_nlp.errors import DataError
from fsl_nlp.reading import refuse_devices

MAX_FILES = 100_000
MAX_BYTES = 1 << 28  # of all files together that are read
_IGNORED = (".", "__MACOSX", "__pycache__")  # beginnings of names of files and folders
_UTF8_NAME = 0x800  # flag of a member of an archive
# What zipfile raises for damaged, encrypted and unknown archives.
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, LookupError, OverflowError),
)


class FileTree:
    """Names of files, relative to the source and with "/", and their content.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "nlu.yml").write_text("nlu: []")
    ...     tree = open_tree(Path(folder), folder)
    ...     tree.names, tree.text("nlu.yml")
    (('nlu.yml',), 'nlu: []')
    """

    def __init__(self, source: str, readers: Mapping[str, Callable[[], bytes]]) -> None:
        self.source = source
        self.names = tuple(sorted(readers))
        self.encodings: dict[str, str] = {}  # of the files that are not UTF-8
        self._readers = readers
        self._contents: dict[str, bytes] = {}
        self._texts: dict[str, str] = {}
        self._left = MAX_BYTES

    def text(self, name: str) -> str:
        """The content of a file, decoded."""
        if name not in self._texts:
            self._texts[name], encoding = decode(self.data(name), self.title(name))
            if encoding:
                self.encodings[name] = encoding
        return self._texts[name]

    def peek(self, name: str) -> str:
        """The content, to look for words in it: broken characters are no error yet."""
        try:
            return self.text(name)
        except DataError:
            return self.data(name).decode("utf-8", "replace")

    def data(self, name: str) -> bytes:
        """The bytes of a file."""
        if name not in self._contents:
            self._contents[name] = self._readers[name]()
            self._left -= len(self._contents[name])
        if self._left < 0:
            raise DataError(
                f"{self.source} holds more than {MAX_BYTES >> 20} MB of text. "
                "Name the part of it that has the training data."
            )
        return self._contents[name]

    def title(self, name: str) -> str:
        """The source and the name of a file, for messages."""
        return f"{self.source}: {name}" if name else self.source

    def named(self, *suffixes: str) -> list[str]:
        """The names that end so, in capital or small letters."""
        return [name for name in self.names if name.lower().endswith(suffixes)]


def open_tree(path: Path, source: str) -> FileTree:
    """The files of an existing folder, of a zip archive, or one file under the name ""."""
    if path.is_dir():
        return FileTree(source, _folder_files(path, source))
    if path.suffix.lower() == ".zip":
        return FileTree(source, _archive_files(path, source))
    return FileTree(source, {"": partial(_read_file, path, source)})


def _folder_files(folder: Path, source: str) -> dict[str, Callable[[], bytes]]:
    readers: dict[str, Callable[[], bytes]] = {}

    def refuse(error: OSError) -> None:  # a folder that is passed over may have the texts
        raise DataError(f"{error.filename} cannot be read: {error.strerror}.") from None

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith(_IGNORED))
        for file in files:
            path = Path(parent, file)
            # Devices, pipes and broken links are no files.
            if file.startswith(_IGNORED) or not path.is_file():
                continue
            name = path.relative_to(folder).as_posix()
            readers[name] = partial(_read_file, path, f"{source}: {name}")
            _check_count(len(readers), source)
    return readers


def _read_file(path: Path, source: str) -> bytes:
    refuse_devices(path, source)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}.") from None
    return data


def _archive_files(path: Path, source: str) -> dict[str, Callable[[], bytes]]:
    data = _read_file(path, source)
    if len(data) > MAX_BYTES:
        raise DataError(f"{source} is larger than {MAX_BYTES >> 20} MB.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
    except _ZIP_ERRORS as error:
        raise DataError(f"{source} cannot be read as a zip archive: {error}.") from None
    files = {name: member for member in members if _is_wanted(name := _member_name(member))}
    _check_count(len(files), source)
    prefix = _common_folder(list(files))
    return {
        name.removeprefix(prefix): partial(_read_member, archive, member, f"{source}: {name}")
        for name, member in files.items()
    }


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: str) -> bytes:
    if member.file_size > MAX_BYTES:  # zipfile reads no more than this size
        raise DataError(f"{source} is larger than {MAX_BYTES >> 20} MB.")
    try:
        return archive.read(member)
    except _ZIP_ERRORS as error:
        raise DataError(f"{source} cannot be read: {error}.") from None


def _member_name(member: zipfile.ZipInfo) -> str:
    """The name as its writer meant it: Chinese Windows writes GBK and does not say so."""
    name = member.filename
    if not member.flag_bits & _UTF8_NAME:
        for encoding in ("utf-8", "gb18030"):
            try:
                name = member.filename.encode("cp437").decode(encoding)
            except UnicodeError:
                continue
            break
    return name.replace("\\", "/")


def _is_wanted(name: str) -> bool:
    hidden = any(part.startswith(_IGNORED) for part in PurePosixPath(name).parts)
    return bool(name) and not name.endswith("/") and not hidden


def _common_folder(names: list[str]) -> str:
    """The folder that all files of an archive are in, with its "/"; "" if there is none."""
    folder, slash, _ = names[0].partition("/") if names else ("", "", "")
    prefix = folder + slash
    return prefix if slash and all(name.startswith(prefix) for name in names) else ""


def _check_count(count: int, source: str) -> None:
    if count > MAX_FILES:
        raise DataError(
            f"{source} holds more than {MAX_FILES:,} files. Name the folder of the training data."
        )
