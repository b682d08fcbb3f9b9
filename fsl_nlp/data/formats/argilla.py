"""Argilla: records of version 2, of the feedback data sets of 1, and of the text data sets of 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fsl_nlp.data.formats.annotations import agreed, holds, text_key
from fsl_nlp.data.formats.base import Format
from fsl_nlp.data.formats.label_studio import QUESTION
from fsl_nlp.data.formats.phrases import plural
from fsl_nlp.data.records import Problem, Record, Table
from fsl_nlp.errors import DataError

_UNUSED = ("discarded", "draft")  # states of a response
_FLAT = ".responses"  # flattened records have columns such as "label.responses"
_Answer = tuple[str, Any, str]  # question, value, who gave it


def _read(table: Table) -> Table | None:
    columns = set(table.columns)
    if "responses" in columns and holds(table, "fields", dict):
        return _read_records(table, _nested_text, _nested_answers)
    if any(column.endswith(_FLAT) and holds(table, column, list) for column in columns):
        return _read_records(table, _flat_text, _flat_answers)
    if {"annotation", "prediction", "annotation_agent", "status"} <= columns:
        return _read_records(table, _old_text, _old_answers)
    return None


def _read_records(table: Table, texts: Any, answers: Any) -> Table:
    key = text_key(texts(record.values) for record in table.records)
    if key is None:
        raise DataError(
            f'{table.source}: its records have no text, or several texts and none is named "text".'
        )
    found = [list(answers(record.values)) for record in table.records]
    questions = dict.fromkeys(question for group in found for question, _, _ in group)
    records, problems, suggested = [], list(table.problems), 0
    for record, group in zip(table.records, found, strict=True):
        text = texts(record.values).get(key)
        suggested += not group and _has_suggestion(record.values)
        for question in questions or [None]:
            try:
                label = agreed((value, who) for name, value, who in group if name == question)
            except ValueError as error:
                problems.append(Problem((record.position,), str(error)))
                continue
            row = {"text": text, "label": label, QUESTION: question, "id": record.values.get("id")}
            records.append(Record(record.position, row))
    note = (
        f"{table.source}, read as {ARGILLA.title}: {plural(suggested, 'record')} with a suggestion "
        "and no response: suggestions are no labels."
    )
    return replace(
        table,
        columns=("text", "label", "id"),
        records=tuple(records),
        problems=tuple(problems),
        parts=(QUESTION,) if len(questions) > 1 else (),
        note="\n".join(filter(None, (table.note, note if suggested else ""))),
    )


def _nested_text(values: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = values.get("fields")
    return fields if isinstance(fields, dict) else {}


def _nested_answers(values: Mapping[str, Any]) -> Iterator[_Answer]:
    """{"label": [{"value", "user_id"}]}, or of version 1 [{"values": {"label": {"value"}}}]."""
    responses = values.get("responses")
    for question, given in responses.items() if isinstance(responses, dict) else ():
        for response in given if isinstance(given, list) else []:
            if isinstance(response, dict) and response.get("status") not in _UNUSED:
                yield from _answer(question, response.get("value"), response.get("user_id"))
    for response in responses if isinstance(responses, list) else []:
        answers = response.get("values") if isinstance(response, dict) else None
        if not isinstance(answers, dict) or response.get("status") in _UNUSED:
            continue
        for question, answer in answers.items():
            value = answer.get("value") if isinstance(answer, dict) else answer
            yield from _answer(question, value, response.get("user_id"))


def _flat_text(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        key: value
        for key, value in values.items()
        if "." not in key and key not in ("id", "status", "_server_id")
    }


def _flat_answers(values: Mapping[str, Any]) -> Iterator[_Answer]:
    for column, given in values.items():
        if not column.endswith(_FLAT) or not isinstance(given, list):
            continue
        users, states = (
            value if isinstance(value := values.get(f"{column}.{name}"), list) else []
            for name in ("users", "status")
        )
        for number, value in enumerate(given):
            if number < len(states) and states[number] in _UNUSED:
                continue
            user = users[number] if number < len(users) else None
            yield from _answer(column.removesuffix(_FLAT), value, user)


def _old_text(values: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = values.get("inputs")
    return (
        {"text": values["text"]}
        if values.get("text")
        else (inputs if isinstance(inputs, dict) else {})
    )


def _old_answers(values: Mapping[str, Any]) -> Iterator[_Answer]:
    if str(values.get("status")).casefold() != "discarded":
        yield from _answer("annotation", values.get("annotation"), values.get("annotation_agent"))


def _answer(question: str, value: Any, user: Any) -> Iterator[_Answer]:
    """An answer that can be a label: a string or a number, or a list of such."""
    values = value if isinstance(value, list) else [value]
    if value is not None and all(isinstance(item, (str, int)) for item in values):
        yield str(question), value, str(user or "?")


def _has_suggestion(values: Mapping[str, Any]) -> bool:
    return bool(
        values.get("suggestions")
        or values.get("prediction")
        or any(key.endswith(".suggestion") and value for key, value in values.items())
    )


ARGILLA = Format("records of Argilla", "", from_table=_read)
