"""What jobs worked out about bots, in files: one for each bot and kind of work, for all workers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsl_nlp.folders import make_folder
from fsl_nlp.serving.jobs import write_json

_KEPT = 24 * 3600.0  # seconds: texts of users stand in them


class Results:
    """Files of results in a folder. A result of a key takes the place of that of an older key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, kind: str, bot: Path, key: str) -> bytes | None:
        """The JSON of a result for the bot in a folder; None if there is none."""
        try:
            return self._path(kind, bot, key).read_bytes()
        except OSError:
            return None

    def last(self, kind: str, bot: Path) -> bytes | None:
        """The JSON of the last result, whatever its key."""
        for path in self._all(kind, bot):
            with suppress(OSError):
                return path.read_bytes()
        return None

    def write(self, kind: str, bot: Path, key: str, content: Mapping[str, Any]) -> None:
        """Keep a result, and no older one."""
        make_folder(self.folder)
        path = self._path(kind, bot, key)
        write_json(path, content)
        for other in self._all(kind, bot):
            if other != path:
                other.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove what is more than a day old."""
        with suppress(OSError):
            for path in self.folder.glob("*.json"):
                if time.time() - path.stat().st_mtime > _KEPT:
                    path.unlink(missing_ok=True)

    def _path(self, kind: str, bot: Path, key: str) -> Path:
        return self.folder / f"{kind}-{_digest(str(bot))}-{_digest(key)}.json"

    def _all(self, kind: str, bot: Path) -> list[Path]:
        return list(self.folder.glob(f"{kind}-{_digest(str(bot))}-*.json"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
