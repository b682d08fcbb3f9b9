"""The log as a file: CSV for spreadsheets, or JSON lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from datetime import timezone
from pathlib import Path
from typing import BinaryIO

from fsl_nlp.data.formulas import escape_formula
from fsl_nlp.errors import OptionError
from fsl_nlp.folders import PRIVATE_FILE, open_atomically
from fsl_nlp.output import to_json
from fsl_nlp.serving.questions.question import Entry
from fsl_nlp.types import Label

_BYTE_ORDER_MARK = "\ufeff"  # by which Excel knows UTF-8
_COLUMNS = (
    *("time", "bot", "text", "label", "reason", "confidence", "in_scope", "alternatives"),
    *("feedback", "right_label", "comment", "model_version", "id", "request"),
)


def export(entries: Iterable[Entry], path: Path) -> int:
    """Write entries to a file for its owner alone; gives their number.

    The ending of the file says how: .csv or .jsonl. If writing fails, an older file stays.
    """
    if path.suffix.lower() not in _WRITERS:
        raise OptionError(f"{path}: end its name in .csv for spreadsheets, or in .jsonl.")
    with open_atomically(path, mode=PRIVATE_FILE) as file:
        return _WRITERS[path.suffix.lower()](entries, file)


def _write_csv(entries: Iterable[Entry], file: BinaryIO) -> int:
    lines = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    lines.write(_BYTE_ORDER_MARK)
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(_COLUMNS)
    count = 0
    for count, entry in enumerate(entries, 1):  # noqa: B007
        writer.writerow(map(_cell, _row(entry)))
    lines.detach()
    return count


def _write_json_lines(entries: Iterable[Entry], file: BinaryIO) -> int:
    count = 0
    for count, entry in enumerate(entries, 1):  # noqa: B007
        file.write(f"{to_json(entry.to_dict())}\n".encode())
    return count


_WRITERS: dict[str, Callable[[Iterable[Entry], BinaryIO], int]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
}


def _row(entry: Entry) -> list[Label | float | None]:
    """The cells of a row; the second text of a pair stands below the first one."""
    question, feedback = entry.question, entry.feedback
    alternatives = (f"{label} {confidence:.3f}" for label, confidence in question.alternatives)
    verdict = ""
    if feedback is not None:
        verdict = "right" if feedback.label == question.label else "wrong"
    return [
        question.time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S"),
        question.bot,
        "\n".join(filter(None, (question.text, question.text_b))),
        question.label,
        question.reason,
        round(question.confidence, 4),
        None if question.in_scope is None else round(question.in_scope, 4),
        "; ".join(alternatives),
        verdict,
        feedback.label if feedback else None,
        feedback.comment if feedback else None,
        question.model_version,
        question.id,
        question.request,
    ]


def _cell(value: Label | float | None) -> str:
    """What a spreadsheet shows as it is; of a text it computes nothing."""
    return escape_formula(value) if isinstance(value, str) else "" if value is None else str(value)
