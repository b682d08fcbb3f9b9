"""API keys: made once, shown once, kept as hashes in a file."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from hmac import compare_digest
from pathlib import Path
from threading import Lock
from typing import Any

from fsl_nlp.errors import DataError, OptionError, did_you_mean
from fsl_nlp.folders import PRIVATE_FILE, write_atomically
from fsl_nlp.json_text import parse_json
from fsl_nlp.locks import locked
from fsl_nlp.output import one_line, to_json

ROLES = ("ask", "teach", "admin")  # each may do what those before it may

_FORMAT = 1
_KEY = re.compile(r"fsl_([0-9a-f]{16})_[0-9A-Za-z_-]{43}")
_NAME = re.compile(r"\S(.{0,98}\S)?")
_LOOK = 0.25  # seconds between two looks at the file
# Others may not read the file, and nobody else may write it. A group may read it, since containers
# get their secrets so.
_REFUSED_MODES = 0o027


@dataclass(frozen=True)
class Key:
    """A key as it is stored: everything but the key."""

    id: str  # stands in the key itself, to find this entry; it is also the salt
    name: str
    role: str
    created: str
    hash: str


def make_key(name: str, role: str) -> tuple[str, Key]:
    """A new key, and what is stored of it.

    >>> text, key = make_key("website", "ask")
    >>> key.role, len(text), text.startswith(f"fsl_{key.id}_")
    ('ask', 64, True)
    """
    if role not in ROLES:
        raise OptionError(f"There is no role {role!r}. Roles: {', '.join(ROLES)}.")
    if not _NAME.fullmatch(name) or name != one_line(name):
        raise OptionError("The name of a key has 1 to 100 characters in one line.")
    key_id = secrets.token_hex(8)
    text = f"fsl_{key_id}_{secrets.token_urlsafe(32)}"
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return text, Key(key_id, name, role, created, _hash(text, key_id))


def _hash(text: str, key_id: str) -> str:
    """The keyed part is 32 random bytes, so nobody can guess it, with a fast hash or a slow one.

    Slow hashes (bcrypt, Argon2) are for passwords, which people choose. Here one would only make
    each request slow. The id is the salt: it is different for each key.
    """
    salt = bytes.fromhex(key_id)
    return hashlib.blake2b(
        text.encode(), digest_size=32, salt=salt, person=b"fsl_nlp key"
    ).hexdigest()


class KeyFile:
    """A file of keys. It is read again when it changes.

    A file that cannot be read lets nobody in, until it is mended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._state: object = None
        self._looked = 0.0
        self._keys: dict[str, Key] = {}

    def verify(self, text: str) -> Key | None:
        """The entry of a key; None if it is not in the file. A DataError if the file is bad."""
        keys = self._current()
        match = _KEY.fullmatch(text)
        key = keys.get(match[1]) if match else None
        # An unknown id takes as long as a known one.
        key_id, expected = (key.id, key.hash) if key else ("0" * 16, "0" * 64)
        is_right = compare_digest(_hash(text if match else "", key_id), expected)
        return key if is_right else None

    def _current(self) -> dict[str, Key]:
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            with self._lock:
                state = _state_of(self.path)
                if state is None or state != self._state:
                    self._keys, self._state = {}, None  # if reading fails, nobody has a key
                    self._keys = {key.id: key for key in read_keys(self.path)}
                    self._state = state
                self._looked = now
        return self._keys


def _state_of(path: Path) -> object:
    """What differs when the file, or its mode, was changed; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read_keys(path: Path) -> list[Key]:
    """The keys of a file. A DataError says what is wrong with it."""
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"The key file {path} cannot be read: {error.strerror}.") from None
    if os.name == "posix" and mode & _REFUSED_MODES:
        raise DataError(
            f"Other users may read or change the key file {path}. Mend it: chmod 600 {path}"
        )
    try:
        return _parse(content)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DataError(
            f"{path} is not a key file. Make one: fsl-nlp keys add {path} NAME"
        ) from None


def _parse(content: bytes) -> list[Key]:
    data: Any = parse_json(content)
    if data["format"] != _FORMAT:
        raise ValueError
    keys = [Key(**entry) for entry in data["keys"]]
    for key in keys:
        bytes.fromhex(key.hash)
        if key.role not in ROLES or not re.fullmatch("[0-9a-f]{16}", key.id) or not key.name:
            raise ValueError
    return keys


def add_key(path: Path, name: str, role: str) -> str:
    """Add a key to a file, which is made if it is missing; gives the key."""
    text, key = make_key(name, role)

    def add(keys: list[Key]) -> list[Key]:
        if any(other.name == name for other in keys):
            raise OptionError(f"{path} has a key {name!r} already. Remove it first.")
        return [*keys, key]

    _change(path, add)
    return text


def remove_key(path: Path, name: str) -> None:
    """Take a key out of a file. Running servers refuse it within a second."""

    def remove(keys: list[Key]) -> list[Key]:
        names = [key.name for key in keys]
        if name not in names:
            raise OptionError(f"{path} has no key {name!r}.{did_you_mean(name, names)}")
        return [key for key in keys if key.name != name]

    if not path.exists():
        raise DataError(f"There is no key file {path}.")
    _change(path, remove)


def _change(path: Path, change: Callable[[list[Key]], list[Key]]) -> None:
    path = path.resolve()
    if not path.parent.is_dir():
        raise DataError(f"There is no folder {path.parent}.")
    with locked(path.parent):
        keys = change(read_keys(path) if path.exists() else [])
        data = {"format": _FORMAT, "keys": [asdict(key) for key in keys]}
        write_atomically(path, to_json(data, indent=1) + "\n", mode=PRIVATE_FILE)
