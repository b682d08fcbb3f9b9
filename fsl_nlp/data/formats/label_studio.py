"""Label Studio: the exports JSON, JSON-MIN and CSV, and tasks to import."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fsl_nlp.data.formats.annotations import agreed, holds, text_key
from fsl_nlp.data.formats.base import Format
from fsl_nlp.data.formats.phrases import plural
from fsl_nlp.data.records import Problem, Record, Table
from fsl_nlp.errors import DataError

QUESTION = "question"
# Beside the data and the answers of a row of JSON-MIN.
_BOOKKEEPING = {
    *("annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"),
    *("_row_id", "history", "project", "comments"),
}


def _read(table: Table) -> Table | None:
    columns = set(table.columns)
    if columns & {"annotations", "completions"} and holds(table, "data", dict):
        return _read_tasks(table)
    if {"annotation_id", "annotator"} <= columns or {"annotation_id", "lead_time"} <= columns:
        return _read_rows(table)
    return None


def _read_tasks(table: Table) -> Table:
    """Tasks: {"data": {"text": ...}, "annotations": [{"result": [{"value": {"choices"}}]}]}."""
    data = [record.values.get("data") for record in table.records]
    key = text_key(values for values in data if isinstance(values, dict))
    if key is None:
        raise DataError(
            f'{table.source}: the "data" of its tasks has no text, or several texts and none '
            'is named "text".'
        )
    questions = dict.fromkeys(
        name for record in table.records for _, name, _ in _choices(record.values)
    )
    records, problems, cancelled = [], list(table.problems), 0
    for record in table.records:
        values = record.values.get("data")
        text = values.get(key) if isinstance(values, dict) else None
        number = values.get("id") if isinstance(values, dict) else None
        cancelled += _is_cancelled(record.values)
        for question in questions or [None]:
            answers = [(c, who) for c, name, who in _choices(record.values) if name == question]
            try:
                label = agreed(answers)
            except ValueError as error:
                problems.append(Problem((record.position,), str(error)))
                continue
            row = {"text": text, "label": label, QUESTION: question}
            row["id"] = number if number is not None else record.values.get("id")
            records.append(Record(record.position, row))
    notes = [] if questions else ["no annotation is a choice: these tasks have no labels"]
    notes += [f"{plural(cancelled, 'skipped task')} without labels"] if cancelled else []
    return _with_note(
        replace(
            table,
            columns=("text", "label", "id"),
            records=tuple(records),
            problems=tuple(problems),
            parts=(QUESTION,) if len(questions) > 1 else (),
        ),
        notes,
    )


def _choices(task: Mapping[str, Any]) -> Iterator[tuple[Any, str, str]]:
    """The choices of each annotation, the question they answer, and who gave them."""
    annotations = [a for a in _annotations(task) if a.get("was_cancelled") is not True]
    true = [a for a in annotations if a.get("ground_truth") is True]
    for annotation in true or annotations:
        author = f"annotation {annotation.get('id', '?')} by {_author(annotation)}"
        results = annotation.get("result")
        for result in results if isinstance(results, list) else []:
            value = result.get("value") if isinstance(result, dict) else None
            choices = value.get("choices") if isinstance(value, dict) else None
            if isinstance(choices, list):
                yield choices, str(result.get("from_name", "")), author


def _annotations(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    annotations = task.get("annotations", task.get("completions"))
    if not isinstance(annotations, list):
        return []
    return [annotation for annotation in annotations if isinstance(annotation, dict)]


def _is_cancelled(task: Mapping[str, Any]) -> bool:
    annotations = _annotations(task)
    return bool(annotations) and all(a.get("was_cancelled") is True for a in annotations)


def _author(annotation: Mapping[str, Any]) -> str:
    author = annotation.get("completed_by", "?")
    return str(author.get("email") or author.get("id") if isinstance(author, dict) else author)


def _read_rows(table: Table) -> Table:
    """JSON-MIN: a row for each annotation, with the values of the task and the answers."""
    columns = [column for column in table.columns if column not in _BOOKKEEPING]
    records, problems = [], list(table.problems)
    for record in table.records:
        try:
            values = {column: _answer(record.values.get(column)) for column in columns}
        except ValueError as error:
            problems.append(Problem((record.position,), str(error)))
            continue
        records.append(Record(record.position, values))
    table = replace(table, columns=tuple(columns), records=tuple(records), problems=tuple(problems))
    return _named(table, [column for column in columns if column != "id"])


def _named(table: Table, columns: list[str]) -> Table:
    """Of two columns, the one with more values is the text; else their names must tell."""
    if len(columns) != 2:
        return table
    values = {
        column: len({str(record.values[column]) for record in table.records}) for column in columns
    }
    text = text_key([dict.fromkeys(columns, "")]) or max(columns, key=lambda name: values[name])
    (answer,) = (column for column in columns if column != text)
    records = tuple(
        Record(
            record.position,
            {
                "text": record.values[text],
                "label": record.values[answer],
                "id": record.values.get("id"),
            },
        )
        for record in table.records
    )
    return replace(table, columns=("text", "label", "id"), records=records)


def _answer(value: Any) -> Any:
    """A value as it is; several choices of one question are a ValueError."""
    if isinstance(value, str) and value.startswith('{"choices"'):  # in CSV
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    if isinstance(value, dict) and isinstance(value.get("choices"), list):
        return agreed([(value["choices"], "")])
    return value


def _with_note(table: Table, notes: list[str]) -> Table:
    if not notes:
        return table
    note = f"{table.source}, read as {LABEL_STUDIO.title}: {'; '.join(notes)}."
    return replace(table, note="\n".join(filter(None, (table.note, note))))


LABEL_STUDIO = Format("an export of Label Studio", "", from_table=_read)
