"""CSV and TSV files.

The standard csv module is not used: it does not tell on which line a quote opens, and it reads all
rows below a quote that never closes as one field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from fsl_nlp.data.formulas import unescape
from fsl_nlp.data.header import Row, table_of_rows
from fsl_nlp.data.records import Table

DELIMITERS = ",;\t|"  # where the comma is the decimal sign, spreadsheets write semicolons
_QUOTED = r'"([^"]*(?:""[^"]*)*)"'
# The first line by which Excel is told the separator.
_SEPARATOR_LINE = re.compile(r'\s*"?sep=(.)"?[,;\t|]*\r?(?:\n|\Z)', re.IGNORECASE)
_COMPARED = 50  # rows by which the separator is chosen


def read_delimited(
    text: str, source: str, delimiters: str = DELIMITERS, *, header: bool = True
) -> Table:
    r"""The rows below the header row, split at the separator that splits them alike.

    >>> read_delimited('text,label\n"a, b",c\n', "a.csv").records[0]
    Record(position=2, values={'text': 'a, b', 'label': 'c'})
    >>> read_delimited("sep=;\ntext;label\na, b;c\n", "a.csv").records[0]
    Record(position=3, values={'text': 'a, b', 'label': 'c'})

    An apostrophe before a text that looks like a formula belongs to no text.
    """
    named = _SEPARATOR_LINE.match(text)
    start = named.end() if named else 0
    delimiter = named[1] if named else _choose_delimiter(text, delimiters)
    rows = _read_rows(text, delimiter, start, 1 + text.count("\n", 0, start))
    return table_of_rows(rows, source, header=header)


def _choose_delimiter(text: str, delimiters: str) -> str:
    """The separator with which most of the first rows are as wide as the first of them."""
    best, best_share = delimiters[0], 0.0
    for delimiter in delimiters:
        rows = list(islice(_read_rows(text, delimiter), _COMPARED))
        width = len(rows[0].cells) if rows else 0
        share = sum(len(row.cells) == width for row in rows) / len(rows) if width > 1 else 0.0
        if share > best_share:
            best, best_share = delimiter, share
    return best


def _read_rows(text: str, delimiter: str, offset: int = 0, line: int = 1) -> Iterator[Row]:
    """The rows, each with the physical line that it starts on, without blank lines."""
    mark = re.escape(delimiter)
    field = re.compile(rf'(?:{_QUOTED}\r?|([^"{mark}\n][^{mark}\n]*)?)({mark}|\n|\Z)')
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
            yield Row(start, tuple(map(unescape, fields)))
        elif not match:
            # Only the line of the bad quote is lost; reading continues on the next line.
            yield Row(line, problem=_explain_quote(text, offset, line))
            offset, line = (text.find("\n", offset) + 1) or len(text), line + 1


def _explain_quote(text: str, offset: int, line: int) -> str:
    closed = re.compile(_QUOTED).match(text, offset)
    if closed is None:
        return "a quote opens here and is never closed"
    below = closed[0].count("\n")
    if below:
        return f"a quote opens here and is not closed before the next quote, on line {line + below}"
    return "text follows a closing quote; a quote inside a quoted field is written twice"
