"""CSV and TSV files.

The standard csv module is not used, because it cannot say on which line a quote opens, and after a
quote that never closes it has already swallowed the rows below.
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
    r"""The records below the header row. Of the delimiters, the first that the header holds counts.

    >>> read_delimited('text,label\n"a, b",c\n', "a.csv", ",;").records[0]
    Record(place=2, values={'text': 'a, b', 'label': 'c'})
    """
    first_line = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = next((mark for mark in delimiters if mark in first_line), delimiters[0])
    rows = _rows(text, delimiter)
    header = next(rows, _Row(1))
    if header.problem:
        raise DataError(f"{source}:{header.line}: {header.problem} (in the header row)")
    columns = tuple(name.strip() for name in header.fields)
    records, problems = [], []
    for row in rows:
        what = row.problem or _wrong_width(row, columns)
        if what:
            problems.append(Problem((row.line,), what))
        else:
            records.append(Record(row.line, dict(zip(columns, row.fields, strict=True))))
    return Table(source, columns, tuple(records), tuple(problems), has_header=True)


def _rows(text: str, delimiter: str) -> Iterator[_Row]:
    """Rows with the physical line they start on; blank lines are left out."""
    mark = re.escape(delimiter)
    field = re.compile(rf'(?:{_QUOTED}\r?|([^"{mark}\n][^{mark}\n]*)?)({mark}|\n|\Z)')
    at, line = 0, 1
    while at < len(text):
        start, fields, blank = line, [], False
        while match := field.match(text, at):
            quoted, plain, stop = match.groups()
            fields.append(
                (plain or "").rstrip("\r") if quoted is None else quoted.replace('""', '"')
            )
            blank = quoted is None and not fields[0].strip() and len(fields) == 1
            line += match[0].count("\n")
            at = match.end()
            if stop != delimiter:
                break
        if match and not blank:
            yield _Row(start, tuple(fields))
        elif not match:
            # A bad quote costs the line it opens on; reading goes on with the line below.
            yield _Row(line, problem=_bad_quote(text, at, line))
            at, line = (text.find("\n", at) + 1) or len(text), line + 1


def _bad_quote(text: str, at: int, line: int) -> str:
    closed = re.compile(_QUOTED).match(text, at)
    if closed is None:
        return "a quote opens here and is never closed"
    below = closed[0].count("\n")
    if below:
        return f"a quote opens here and is not closed before the next quote, on line {line + below}"
    return "text follows a closing quote; a quote inside a quoted field is written twice"


def _wrong_width(row: _Row, columns: tuple[str, ...]) -> str | None:
    found, wanted = len(row.fields), len(columns)
    if found == wanted:
        return None
    if found < wanted:
        return f"too few fields: {found}, and the header has {wanted}"
    return (
        f"too many fields: {found}, and the header has {wanted}; "
        "a text that holds the separator needs quotes around it"
    )
