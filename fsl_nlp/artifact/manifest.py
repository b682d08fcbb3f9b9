"""The manifest of a saved form: one JSON file that names the other files with their sums."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from fsl_nlp.artifact.schema import SchemaError, check_schema
from fsl_nlp.errors import ArtifactError, FslError, first_line
from fsl_nlp.json_text import parse_json

Manifest = dict[str, Any]
_NAME_DIGITS = 12  # of a file's sum, in its name


@dataclass(frozen=True)
class Protocol:
    """A saved form, with its words for messages.

    `manifest` is the name of the JSON file. `suffixes` maps each kind of file to the end of its
    name; a kind may be numbered, as in `scorer-0`. `upgrades` maps each old format to the step to
    the next one; manifests of the formats in `unsigned` have no sum.
    `schema` describes a manifest of the newest format.
    `noun` names what is saved, `writers` what writes it, and `again` says how to get a new one.
    """

    manifest: str
    newest: int
    suffixes: Mapping[str, str]
    upgrades: Mapping[int, Callable[[Manifest], Manifest]]
    schema: type
    noun: str
    writers: str
    again: str
    unsigned: frozenset[int] = frozenset()

    def file_name(self, kind: str, digest: str) -> str:
        """The name of a file of this kind with this sum."""
        name = kind.split("-")[0]
        return f"{name}-{digest[:_NAME_DIGITS]}.{self.suffixes[name]}"

    def is_leftover(self, name: str) -> bool:
        """Whether an older save, or one that was killed, may have left a file of this name."""
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


def with_text_keys(value: Any) -> Any:
    """The value with the keys of its mappings as texts: JSON has no others, and sorts them.

    >>> with_text_keys({"class_weight": {3: 2.0, "refund": 1.0}})
    {'class_weight': {'3': 2.0, 'refund': 1.0}}
    """
    if isinstance(value, (list, tuple)):
        return [with_text_keys(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    pairs = ((key.value if isinstance(key, Enum) else key, item) for key, item in value.items())
    return {str(key): with_text_keys(item) for key, item in pairs}


def pack(
    protocol: Protocol, manifest: Mapping[str, Any], contents: Mapping[str, bytes]
) -> dict[str, bytes]:
    """The files of a saved form by their names, the manifest last.

    `contents` maps a kind of file to what it holds. `manifest` gets `format`, `files` and `sum`.
    """
    files, packed = {}, {}
    for kind, content in contents.items():
        digest = hashlib.sha256(content).hexdigest()
        name = protocol.file_name(kind, digest)
        files[kind] = {"name": name, "sha256": digest}
        packed[name] = content
    complete = {"format": protocol.newest, **manifest, "files": files}
    signed = {**complete, "sum": content_sum(complete)}
    text = json.dumps(signed, ensure_ascii=False, indent=1, default=plain_number)
    return {**packed, protocol.manifest: f"{text}\n".encode()}


def parse_manifest(content: bytes, path: Path, protocol: Protocol) -> tuple[Manifest, int]:
    """A manifest in the newest format, and the number of the format that it was written in.

    Its sum and its entries are checked. `path` is for messages.
    """
    manifest, number = _parse(content, path, protocol)
    signed = number not in protocol.unsigned
    if signed and manifest.get("sum") != content_sum(manifest):
        raise ArtifactError(
            f"{path} is altered: its sum is wrong. Copy the folder again, or {protocol.again}."
        )
    try:
        upgraded = _upgrade(manifest, protocol)
        check_schema(upgraded, protocol.schema)
    except SchemaError as error:
        raise damaged(path, protocol, str(error)) from None
    except Exception as error:  # the steps between formats look at entries of any kind
        raise damaged(path, protocol, f"an entry is missing or wrong ({error!r})") from None
    return upgraded, number


def _parse(content: bytes, path: Path, protocol: Protocol) -> tuple[Manifest, int]:
    try:
        manifest = parse_json(content)
        number = manifest["format"]
        if type(number) is not int or number < 1:
            raise ValueError(number)
    except (ValueError, KeyError, TypeError):
        raise damaged(
            path, protocol, f"it is not the JSON that {protocol.writers} writes"
        ) from None
    if number > protocol.newest:
        raise ArtifactError(
            f"{path} was made by a newer version of fsl_nlp: it has format {number}, and "
            f"this version reads formats 1 to {protocol.newest}. "
            "Upgrade it: pip install --upgrade fsl-nlp"
        )
    return manifest, number


def _upgrade(manifest: Manifest, protocol: Protocol) -> Manifest:
    """A manifest of any format in the newest format, without its sum."""
    upgraded = {key: value for key, value in manifest.items() if key != "sum"}
    while upgraded["format"] < protocol.newest:
        number = upgraded["format"]
        upgraded = {**protocol.upgrades[number](upgraded), "format": number + 1}
    return upgraded


@contextmanager
def refusing_damage(folder: Path, protocol: Protocol) -> Iterator[None]:
    """A context in which every error that is none of this package says that a manifest is damaged.

    The settings of a method are the method's own, so no schema describes them.
    """
    try:
        yield
    except FslError:
        raise
    except Exception as error:  # of torch, of numpy, of a method of another package
        reason = f"an entry is missing or wrong ({first_line(error)})"
        raise damaged(folder / protocol.manifest, protocol, reason) from error


def damaged(path: Path, protocol: Protocol, reason: str) -> ArtifactError:
    """The error for a manifest that cannot be used, whatever its sum says."""
    return ArtifactError(
        f"{path} is damaged: {reason}. Copy the folder again, or {protocol.again}."
    )
