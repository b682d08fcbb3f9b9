"""The command line in this process, which has the libraries loaded."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from fsl_nlp import cli

from ..prompts.conftest import save as save


@dataclass
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Stdout, which must be one JSON object and nothing else."""
        return json.loads(self.out)


Cli = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    """Runs the command in this process, which has the libraries loaded."""
    logger, environment = logging.getLogger("fsl_nlp"), dict(os.environ)
    level = logger.level

    def run(*words: object, stdin: bytes = b"", terminal: bool = False) -> Result:
        content = io.BytesIO(stdin)
        monkeypatch.setattr(content, "isatty", lambda: terminal)
        monkeypatch.setattr(sys, "argv", ["fsl-nlp", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
        capsys.readouterr()
        status = 0
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            try:
                cli.main()
            except SystemExit as end:
                status = int(end.code or 0)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    yield run
    logger.setLevel(level)
    os.environ.clear()
    os.environ.update(environment)
