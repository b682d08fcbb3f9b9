"""Training a new bot from a file that a user sent: the work of a job."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import DataError
from fsl_nlp.output import one_line
from fsl_nlp.serving.new_bots import NewBots
from fsl_nlp.serving.stages import Report, Stages

if TYPE_CHECKING:
    from fsl_nlp.linting import LintReport
    from fsl_nlp.types import Dataset

_STAGES = [
    "reading",
    "loading",
    "encoding",
    "checking",
    "comparing",
    "learning",
    "testing",
    "saving",
]
_NOTES = 20


@dataclass(frozen=True)
class UserFile(os.PathLike[str]):
    """A file under the name that its user knows it by: messages show that name."""

    path: Path
    name: str

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return self.name


def train(arguments: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """A bot, saved where the server finds it; what to expect of it, and what the check says."""
    from fsl_nlp import FewShotClassifier
    from fsl_nlp.encoders import load_encoder
    from fsl_nlp.encoders.choice import choose_encoder

    started = time.monotonic()
    new_bots = NewBots(Path(arguments["new_bots"]))
    name, may_replace = arguments["bot"], arguments["replace"]
    stages = Stages(report, _STAGES)
    stages.begin("reading")
    with _collecting() as notes, stages.listening():
        data = _read(arguments)
        stages.texts = len(data)
        new_bots.check_free(name, replace=may_replace)
        stages.begin("loading")
        encoder = choose_encoder(arguments["encoder"], data)
        loaded = load_encoder(encoder)
        stages.begin("encoding")
        loaded.encode(data.texts)
        stages.begin("checking")
        checked = _check(data, encoder)
        stages.begin("comparing" if arguments["method"] == "auto" else "learning")
        classifier = FewShotClassifier(arguments["method"], encoder).fit_dataset(data)
        stages.begin("saving")
        folder = new_bots.claim(name, replace=may_replace)
        classifier.save(folder)
    expected = classifier.decision_ and classifier.decision_.expected
    return {
        "bot": name,
        "model_version": classifier.model_version_,
        "method": classifier.method_,
        "encoder": encoder,
        "examples": len(data.labelled),
        "labels": len(data.labels),
        "expected": expected
        and {"accuracy": expected.accuracy.value, "answered": expected.answered.value},
        "lint": checked.headline if checked else None,
        "findings": len(checked.findings) if checked else None,
        "notes": notes[:_NOTES],
        "seconds": round(time.monotonic() - started, 1),
    }


def _read(arguments: Mapping[str, Any]) -> Dataset:
    """The data of the file, which is then removed."""
    from fsl_nlp.data import load_dataset

    file = UserFile(Path(arguments["path"]), arguments["file_name"])
    try:
        data = load_dataset(
            file,
            text=arguments["text_column"],
            label=arguments["label_column"],
            on_error=arguments["on_error"],
        )
    finally:
        file.path.unlink(missing_ok=True)
    return replace(data, name=Path(file.name).stem)


def _check(data: Dataset, encoder: str) -> LintReport | None:
    """What is wrong with the texts; None where they are of a kind that is not checked."""
    from fsl_nlp.linting import lint

    try:
        return lint(data, encoder)
    except DataError:  # pairs, or a single label: if that is wrong, the training says so
        return None


@contextmanager
def _collecting() -> Iterator[list[str]]:
    """The notes and warnings of the work inside, each once."""
    notes: list[str] = []

    def add(message: str) -> None:
        line = one_line(message)
        if line not in notes:
            notes.append(line)

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            add(record.getMessage())

    handler, logger = Handler(logging.WARNING), logging.getLogger("fsl_nlp")
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = lambda message, *_, **__: add(str(message))
            yield notes
    finally:
        logger.removeHandler(handler)
