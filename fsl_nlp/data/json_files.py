"""JSON lines, and JSON documents whose records keep their line numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from fsl_nlp.data.fewrel import fewrel_table, is_fewrel
from fsl_nlp.data.formats.registry import read_document
from fsl_nlp.data.json_nodes import JsonNode, json_reason, parse_nodes
from fsl_nlp.data.records import Problem, Record, Table, columns_of
from fsl_nlp.errors import DataError

_SHAPES = (
    'It must hold a list of objects, {"data": [objects]}, {label: [texts]}, or an object a line.'
)


def read_json_table(text: str, source: str, folder: Path | None = None) -> Table:
    r"""A .json file in `folder`: one document, or JSON lines with the wrong extension.

    >>> table = read_json_table('{"track": ["where is it"],\n "return": ["send back"]}', "a.json")
    >>> table.records[1]
    Record(position=2, values={'text': 'send back', 'label': 'return'})
    """
    filled = [line for line in text.split("\n") if line.strip()]
    if not filled:
        return Table(source, (), ())
    try:
        node = parse_nodes(text, source)
    except DataError:
        first_line = filled[0].strip()
        if first_line.startswith("{") and first_line.endswith("}"):
            return read_json_lines(text, source)
        raise
    document = node.value
    if is_fewrel(document):
        return fewrel_table(document, source, folder)
    if table := read_document(node, source):
        return table
    if isinstance(document, list):
        return _table(node.items(), source)
    if isinstance(document, dict):
        data = document.get("data")
        if isinstance(data, list) and not all(isinstance(item, str) for item in data):
            return _table(node["data"].items(), source)
        if all(isinstance(texts, list) for texts in document.values()):
            return _labelled_texts(node, source)
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
            problems.append(Problem((number,), json_reason(error)))
        else:
            if isinstance(value, dict):
                records.append(Record(number, value))
            else:
                problems.append(Problem((number,), "not a JSON object"))
    return Table(source, columns_of(records), tuple(records), tuple(problems))


def _table(items: Iterable[JsonNode], source: str) -> Table:
    records, problems = [], []
    for node in items:
        if isinstance(node.value, dict):
            records.append(Record(node.line, node.value))
        else:
            problems.append(Problem((node.line,), "not a JSON object"))
    return Table(source, columns_of(records), tuple(records), tuple(problems))


def _labelled_texts(node: JsonNode, source: str) -> Table:
    records = tuple(
        Record(item.line, {"text": item.value, "label": label})
        for label, texts in node.members()
        for item in texts.items()
    )
    return Table(source, columns_of(records), records)
