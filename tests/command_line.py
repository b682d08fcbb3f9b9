"""The command `fsl-nlp` in this process, which has the libraries loaded."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import pytest

from fsl_nlp import cli


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Stdout, which must be one JSON object and nothing else."""
        return json.loads(self.out)


def run_command(*words: object, stdin: bytes = b"", terminal: bool = False) -> Result:
    """`fsl-nlp` with these words; `terminal` says that stdin is one."""
    logger, environment = logging.getLogger("fsl_nlp"), dict(os.environ)
    level, content = logger.level, io.BytesIO(stdin)
    out, err, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(content, "isatty", lambda: terminal)
        patch.setattr(sys, "argv", ["fsl-nlp", *map(str, words)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(content))
        warnings.simplefilter("default")
        with redirect_stdout(out), redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as end:
                status = int(end.code or 0)
    logger.setLevel(level)
    os.environ.clear()
    os.environ.update(environment)
    # Said once on a machine, in whichever test comes first.
    lines = (line for line in err.getvalue().splitlines(True) if not line.startswith("Preparing "))
    return Result(status, out.getvalue(), "".join(lines))
