"""JSON lines, and JSON documents whose records keep their line numbers."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fsl_nlp.data.fewrel import fewrel_table, is_fewrel
from fsl_nlp.data.records import Problem, Record, Table, columns_of
from fsl_nlp.errors import DataError

_SHAPES = (
    'It must hold a list of objects, {"data": [objects]}, {label: [texts]}, or an object a line.'
)
_SEPARATORS = re.compile(r"[ \t\r\n,:]*")


def read_json(text: str, source: str, folder: Path | None = None) -> Table:
    r"""A .json file in `folder`: one document, or JSON lines with the wrong extension.

    >>> read_json('{"track": ["where is it"],\n "return": ["send back"]}', "a.json").records[1]
    Record(position=2, values={'text': 'send back', 'label': 'return'})
    """
    filled = [line for line in text.split("\n") if line.strip()]
    if not filled:
        return Table(source, (), ())
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        first_line = filled[0].strip()
        if first_line.startswith("{") and first_line.endswith("}"):
            return read_json_lines(text, source)
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise DataError(f"{source}:{line}: {_reason(error)}") from None
    if is_fewrel(document):
        return fewrel_table(document, source, folder)
    start = len(text) - len(text.lstrip())
    if isinstance(document, list):
        return _table(_objects(text, start), source, text)
    if isinstance(document, dict):
        data = document.get("data")
        if isinstance(data, list) and not all(isinstance(item, str) for item in data):
            offset = next(o for key, _, o in _members(text, start) if key == "data")
            return _table(_objects(text, offset), source, text)
        if all(isinstance(texts, list) for texts in document.values()):
            return _table(_labelled_texts(text, start), source, text)
        if len(filled) == 1:
            return read_json_lines(text, source)
    raise DataError(f"{source}: the shape of this JSON is not supported. {_SHAPES}")


def read_json_lines(text: str, source: str) -> Table:
    r"""One object a line; blank lines are left out.

    >>> read_json_lines('{"text": "hi"}\n', "a.jsonl").records
    (Record(position=1, values={'text': 'hi'}),)
    """
    records, problems = [], []
    # Not splitlines: a text may hold U+2028 or U+0085, which JSON need not escape.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(Problem((number,), _reason(error)))
        else:
            if isinstance(value, dict):
                records.append(Record(number, value))
            else:
                problems.append(Problem((number,), "not a JSON object"))
    return Table(source, columns_of(records), tuple(records), tuple(problems))


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON at column {error.colno}: {error.msg}"
    return f"invalid JSON: {error}"  # such as a number of 5,000 digits, or endless brackets


def _table(items: Iterable[tuple[Any, int]], source: str, text: str) -> Table:
    """The objects at their offsets, as records at their lines."""
    breaks = [match.start() for match in re.finditer("\n", text)]
    records, problems = [], []
    for value, offset in items:
        line = bisect_left(breaks, offset) + 1
        if isinstance(value, dict):
            records.append(Record(line, value))
        else:
            problems.append(Problem((line,), "not a JSON object"))
    return Table(source, columns_of(records), tuple(records), tuple(problems))


def _objects(text: str, start: int) -> Iterator[tuple[Any, int]]:
    for _, value, offset in _members(text, start):
        yield value, offset


def _labelled_texts(text: str, start: int) -> Iterator[tuple[Any, int]]:
    for label, _, start_of_texts in _members(text, start):
        for _, value, offset in _members(text, start_of_texts):
            yield {"text": value, "label": label}, offset


def _members(text: str, offset: int) -> Iterator[tuple[str | None, Any, int]]:
    """Key (None in a list), value and offset of each member of the list or object at `offset`.

    The text must be valid JSON: separators are skipped without a check.
    """
    decode = json.JSONDecoder().raw_decode

    def skip(offset: int) -> int:
        match = _SEPARATORS.match(text, offset)
        return match.end() if match else offset

    is_object = text[offset] == "{"
    offset = skip(offset + 1)
    while text[offset] not in "]}":
        key = None
        if is_object:
            key, offset = decode(text, offset)
            offset = skip(offset)
        value, end = decode(text, offset)
        yield key, value, offset
        offset = skip(end)
