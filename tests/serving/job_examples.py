"""What the jobs of the tests do, in processes of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsl_nlp.errors import DataError
from fsl_nlp.serving.stages import Report


def note(arguments: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Write when it began and when it ended, into a file that all jobs of a test share."""
    file = Path(arguments["file"])
    with file.open("a") as log:
        log.write(f"{arguments['name']} begins\n")
    report(0.5, "checking", 1, 2)
    time.sleep(arguments.get("seconds", 0))
    with file.open("a") as log:
        log.write(f"{arguments['name']} ends\n")
    return {"name": arguments["name"], "threads": os.environ["OMP_NUM_THREADS"], "nice": nice()}


def sleep(arguments: Mapping[str, Any], report: Report) -> None:
    """Sleep for a minute, which a test ends before."""
    report(0.25, "checking", 1, 4)
    Path(arguments["pid"]).write_text(str(os.getpid()))
    time.sleep(60)


def fall_back(arguments: Mapping[str, Any], report: Report) -> None:
    """Report less and less."""
    for share in (0.5, 0.3, 0.1):
        report(share, "checking", 0, 0)
    raise DataError("at the end")


def fail(arguments: Mapping[str, Any], report: Report) -> None:
    """Fail as the arguments say."""
    error = arguments["error"]
    if error == "data":
        raise DataError("line 3 of 文件.csv is empty.")
    if error == "memory":
        raise MemoryError
    if error == "disk":
        raise OSError(28, "No space left on device", "/secret/place")
    raise RuntimeError(arguments["text"])


def grow(arguments: Mapping[str, Any], report: Report) -> None:
    """Take more and more memory."""
    blocks = []
    while True:
        blocks.append(bytearray(os.urandom(1 << 20)) * 16)
        time.sleep(0.01)


def nice() -> int:
    """How much this process gives way to others."""
    return os.nice(0) if hasattr(os, "nice") else 0
