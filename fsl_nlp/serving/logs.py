"""The log of a server: lines of JSON on stderr, without texts and without keys."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any


def write_line(**fields: Any) -> None:
    """Write one line of JSON with the time. A stderr that takes nothing stops no work.

    The values are the server's words and short names of users; JSON escapes what could make a
    second line of them.
    """
    line = json.dumps({"time": _now(), **fields})
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def write_error(error: BaseException, *, messages: bool, **fields: Any) -> None:
    """Write what failed, and where: the lines of code, and the type of the error.

    The message of an unexpected error may quote the text of a user, so it needs `messages`.
    """
    chain = []
    step: BaseException | None = error
    while step is not None:
        frames = traceback.extract_tb(step.__traceback__)
        places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        entry: dict[str, Any] = {"type": type(step).__qualname__, "at": places}
        if messages:
            entry["message"] = str(step)[:2000]
        chain.append(entry)
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
    write_line(level="error", **fields, error=chain[0]["type"], traceback=chain)


class JsonLines(logging.Handler):
    """Writes what loggers say as lines of JSON."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        level = record.levelname.lower()
        write_line(level=level, logger=record.name, message=record.getMessage())


def use_json_lines() -> None:
    """Let the loggers of the toolkit and of uvicorn write lines of JSON, from warnings on."""
    handler = JsonLines()
    for name in ("fsl_nlp", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
