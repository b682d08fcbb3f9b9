"""A folder of files and one JSON manifest that names them with their sums.

The name of a file holds its sum, so a new file never replaces an old one. The manifest is written
last and is the only file that is replaced: until then a reader sees the old folder whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsl_nlp.errors import ArtifactError
from fsl_nlp.folders import write_atomically

Manifest = dict[str, Any]
_NAME_DIGITS = 12  # of a file's sum, in its name


@dataclass(frozen=True)
class Protocol:
    """A saved form, with its words for messages.

    `manifest` is the name of the JSON file. `suffixes` maps each kind of file to the end of its
    name; a kind may be numbered, as in `scorer-0`. `upgrades` maps each old format to the step to
    the next one; manifests of the formats in `unsigned` have no sum.
    `noun` names what is saved, `writers` what writes it, and `again` says how to get a new one.
    """

    manifest: str
    newest: int
    suffixes: Mapping[str, str]
    upgrades: Mapping[int, Callable[[Manifest], Manifest]]
    noun: str
    writers: str
    again: str
    unsigned: frozenset[int] = frozenset()

    def file_name(self, kind: str, digest: str) -> str:
        """The name of a file of this kind with this sum."""
        name = kind.split("-")[0]
        return f"{name}-{digest[:_NAME_DIGITS]}.{self.suffixes[name]}"

    def is_published(self, name: str) -> bool:
        """Whether `publish` wrote a file of this name; False for the manifest."""
        return re.fullmatch(self._names, name) is not None

    def is_leftover(self, name: str) -> bool:
        """Whether a save that was killed may have left a file of this name."""
        temporary = rf"\.({self._names}|{re.escape(self.manifest)})\.[0-9a-f]{{12}}"
        return re.fullmatch(rf"{self._names}|{temporary}", name) is not None

    @property
    def _names(self) -> str:
        """A pattern of the names that `file_name` gives."""
        return "|".join(
            rf"{kind}-[0-9a-f]{{{_NAME_DIGITS}}}\.{suffix}"
            for kind, suffix in self.suffixes.items()
        )


def content_sum(content: Mapping[str, Any]) -> str:
    """The sha256 of a mapping as JSON, without its entry `sum`."""
    unsigned = {key: value for key, value in content.items() if key != "sum"}
    text = json.dumps(unsigned, sort_keys=True, default=plain_number)
    return hashlib.sha256(text.encode()).hexdigest()


def plain_number(number: Any) -> Any:
    """A number of numpy as one of Python, which JSON can hold."""
    return number.item()


def publish(
    folder: Path, protocol: Protocol, manifest: Mapping[str, Any], contents: Mapping[str, bytes]
) -> None:
    """Write the files, then the manifest with their sums, then remove the files of older ones.

    `contents` maps a kind of file to what it holds. `manifest` gets `format`, `files` and `sum`.
    """
    files = {}
    for kind, content in contents.items():
        digest = hashlib.sha256(content).hexdigest()
        files[kind] = {"name": protocol.file_name(kind, digest), "sha256": digest}
    complete = {"format": protocol.newest, **manifest, "files": files}
    signed = {**complete, "sum": content_sum(complete)}
    text = json.dumps(signed, ensure_ascii=False, indent=1, default=plain_number)
    for kind, content in contents.items():
        write_atomically(folder / files[kind]["name"], content)
    write_atomically(folder / protocol.manifest, f"{text}\n")
    current = {entry["name"] for entry in files.values()}
    for path in folder.iterdir():
        if protocol.is_published(path.name) and path.name not in current:
            path.unlink(missing_ok=True)


def read_manifest(folder: Path, protocol: Protocol) -> Manifest:
    """The manifest of a folder, brought to the newest format."""
    saved = read_saved_manifest(folder, protocol)
    try:
        return upgrade(saved, protocol)
    except (KeyError, TypeError, AttributeError) as error:
        raise incomplete(folder, protocol, error) from None


def read_saved_manifest(folder: Path, protocol: Protocol) -> Manifest:
    """The manifest of a folder as it was written; its format and its sum are checked."""
    path = folder / protocol.manifest
    if not path.is_file():
        raise ArtifactError(
            f"There is no {protocol.noun} in {folder} (no {protocol.manifest}). "
            f"Give the folder that {protocol.writers} wrote."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        saved_format = manifest["format"]
        if type(saved_format) is not int or saved_format < 1:
            raise ValueError(saved_format)
    except (ValueError, KeyError, TypeError):
        raise ArtifactError(
            f"{path} is damaged: it is not the JSON that {protocol.writers} writes. "
            f"Copy the folder again, or {protocol.again}."
        ) from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from None
    if saved_format > protocol.newest:
        raise ArtifactError(
            f"{path} was made by a newer version of fsl_nlp: it has format {saved_format}, and "
            f"this version reads formats 1 to {protocol.newest}. "
            "Upgrade it: pip install --upgrade fsl-nlp"
        )
    signed = saved_format not in protocol.unsigned
    if signed and manifest.get("sum") != content_sum(manifest):
        raise ArtifactError(
            f"{path} is altered: its sum is wrong. Copy the folder again, or {protocol.again}."
        )
    return dict(manifest)


def upgrade(manifest: Manifest, protocol: Protocol) -> Manifest:
    """A manifest of any format in the newest format, without its sum."""
    upgraded = {key: value for key, value in manifest.items() if key != "sum"}
    while upgraded["format"] < protocol.newest:
        number = upgraded["format"]
        upgraded = {**protocol.upgrades[number](upgraded), "format": number + 1}
    return upgraded


def incomplete(folder: Path, protocol: Protocol, error: Exception) -> ArtifactError:
    """The error for a manifest with a missing or a wrong entry."""
    return ArtifactError(
        f"{folder / protocol.manifest} is damaged: an entry is missing or wrong ({error!r}). "
        f"Copy the folder again, or {protocol.again}."
    )


def read_file(folder: Path, protocol: Protocol, entry: Mapping[str, str]) -> bytes:
    """A file that the manifest names, if its sum is right."""
    path = folder / Path(entry["name"]).name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(
            f"{path} is missing. Copy the whole folder, or {protocol.again}."
        ) from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from None
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise ArtifactError(
            f"{path} is cut off or altered: its sum is not the one in {protocol.manifest}. "
            f"Copy the folder again, or {protocol.again}."
        )
    return content
