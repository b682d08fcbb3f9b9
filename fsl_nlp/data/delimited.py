"""CSV and TSV files.

The standard csv module is not used: it does not tell on which line a quote opens, and it reads all
rows below a quote that never closes as one field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fsl_nlp.data.records import Problem, Record, Table
from fsl_nlp.errors import DataError

_QUOTED = r'"([^"]*(?:""[^"]*)*)"'


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    fields: tuple[str, ...] = ()
    problem: str | None = None


def read_delimited(text: str, source: str, delimiters: str) -> Table:
    r"""The records below the header row, split at the first delimiter that the header contains.

    >>> read_delimited('text,label\n"a, b",c\n', "a.csv", ",;").records[0]
    Record(position=2, values={'text': 'a, b', 'label': 'c'})
    """
    first_line = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = next((mark for mark in delimiters if mark in first_line), delimiters[0])
    rows = _read_rows(text, delimiter)
    header = next(rows, _Row(1))
    if header.problem:
        raise DataError(f"{source}:{header.line}: {header.problem} (in the header row)")
    columns = tuple(name.strip() for name in header.fields)
    records, problems = [], []
    for row in rows:
        if problem := row.problem or _explain_width(row, columns):
            problems.append(Problem((row.line,), problem))
        else:
            records.append(Record(row.line, dict(zip(columns, row.fields, strict=True))))
    return Table(source, columns, tuple(records), tuple(problems), has_header=True)


def _read_rows(text: str, delimiter: str) -> Iterator[_Row]:
    """The rows, each with the physical line that it starts on, without blank lines."""
    mark = re.escape(delimiter)
    field = re.compile(rf'(?:{_QUOTED}\r?|([^"{mark}\n][^{mark}\n]*)?)({mark}|\n|\Z)')
    offset, line = 0, 1
    while offset < len(text):
        start, fields, blank = line, [], False
        while match := field.match(text, offset):
            quoted, plain, end = match.groups()
            fields.append(
                (plain or "").rstrip("\r") if quoted is None else quoted.replace('""', '"')
            )
            blank = quoted is None and not fields[0].strip() and len(fields) == 1
            line += match[0].count("\n")
            offset = match.end()
            if end != delimiter:
                break
        if match and not blank:
            yield _Row(start, tuple(fields))
        elif not match:
            # Only the line of the bad quote is lost; reading continues on the next line.
            yield _Row(line, problem=_explain_quote(text, offset, line))
            offset, line = (text.find("\n", offset) + 1) or len(text), line + 1


def _explain_quote(text: str, offset: int, line: int) -> str:
    closed = re.compile(_QUOTED).match(text, offset)
    if closed is None:
        return "a quote opens here and is never closed"
    below = closed[0].count("\n")
    if below:
        return f"a quote opens here and is not closed before the next quote, on line {line + below}"
    return "text follows a closing quote; a quote inside a quoted field is written twice"


def _explain_width(row: _Row, columns: tuple[str, ...]) -> str | None:
    count, expected = len(row.fields), len(columns)
    if count == expected:
        return None
    if count < expected:
        return f"too few fields: {count}, and the header has {expected}"
    return (
        f"too many fields: {count}, and the header has {expected}; "
        "a text that contains the separator needs quotes around it"
    )
