"""Reads a file of any supported format as a table."""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path

from fsl_nlp.data.columns import has_usual_text, matching_columns
from fsl_nlp.data.delimited import DELIMITERS, read_delimited
from fsl_nlp.data.encoding import decode
from fsl_nlp.data.formats.exports import EXPORTS, is_export, read_export
from fsl_nlp.data.json_files import read_json_lines, read_json_table
from fsl_nlp.data.records import Record, Table
from fsl_nlp.data.tables import read_parquet
from fsl_nlp.data.workbooks import SUFFIXES as WORKBOOKS
from fsl_nlp.data.workbooks import is_workbook, read_workbook
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.reading import check_readable, read_whole

LABELLED = (".csv", ".tsv", *WORKBOOKS, ".jsonl", ".ndjson", ".json", ".parquet")
SUFFIXES = (*LABELLED, *EXPORTS, ".txt")
_HEADED = (".csv", ".tsv", *WORKBOOKS, ".txt")  # their first row may name the columns
_COMPARED = 50  # lines of a .txt file by which a table is recognised
_START = 1 << 18  # bytes in which they are looked for


def read_file(
    path: Path,
    *,
    source: str,
    header: bool = True,
    labelled: bool = True,
    text: str | None = None,
) -> Table:
    """The records of an existing file or folder; messages call it `source`.

    A .txt file is a table if tabs divide each line alike, and its first line names a usual column
    of texts or the column `text`; labelled texts may have any names.
    """
    suffix = path.suffix.lower()
    if is_export(path) and header:
        return read_export(path, source, _read_text)
    _check_suffix(suffix, source)
    if not header and suffix not in _HEADED:
        raise OptionError(f"{source} has no header row: leave out header=False (--no-header).")
    if suffix == ".parquet":
        check_readable(path, source)
        return read_parquet(path, source)
    data = read_whole(path, source)
    if is_workbook(data):
        table = read_workbook(data, source, header=header)
        if suffix in WORKBOOKS:
            return table
        note = f"{source} is an Excel workbook, and was read as one. Name it {path.stem}.xlsx."
        return replace(table, note="\n".join(filter(None, (note, table.note))))
    if suffix in WORKBOOKS:
        raise DataError(f"{source} is not an Excel workbook. If it holds text, name it .csv.")
    return _read_text(data, path, source, header=header, labelled=labelled, text=text)


def _read_text(
    data: bytes,
    path: Path,
    source: str,
    *,
    header: bool = True,
    labelled: bool = True,
    text: str | None = None,
) -> Table:
    """The records of a text file with these bytes; `path` says the format."""
    content, encoding = decode(data, source)
    if "\r" in content and "\n" not in content:  # as programs for the Mac wrote lines
        content = content.replace("\r", "\n")
    note = (
        f"{source} is not UTF-8: it was read as {encoding}. To convert it: "
        f"iconv -f {encoding} -t UTF-8 old > new, or save it as CSV UTF-8."
    )
    is_text = path.suffix.lower() == ".txt"
    if is_text and not _is_table(content, header=header, labelled=labelled, text=text):
        table = _read_lines(content, source)
    else:
        table = _parse(content, path, source, header=header)
    return replace(table, note="\n".join(filter(None, (note if encoding else "", table.note))))


def is_line_file(path: Path, *, header: bool = True, text: str | None = None) -> bool:
    """Whether a file holds a text on each line, and not a table of Excel with tabs.

    A file that cannot be read counts as one; reading it says why.
    """
    if path.suffix.lower() != ".txt":
        return False
    if not path.is_file():  # a pipe cannot be read twice
        return True
    try:
        with path.open("rb") as file:
            start = file.read(_START)
        if is_workbook(start):
            return False
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            content = start.decode("utf-16", "ignore")
        else:
            content, _ = decode(start.rpartition(b"\n")[0] if len(start) == _START else start, "")
    except (OSError, DataError):
        return True
    return not _is_table(content, header=header, labelled=False, text=text)


def _check_suffix(suffix: str, source: str) -> None:
    if suffix in SUFFIXES:
        return
    if suffix in (".xls", ".ods", ".numbers"):
        raise DataError(
            f"{source}: {suffix} is not supported. Open it in Excel or LibreOffice and save it as "
            ".xlsx or CSV UTF-8."
        )
    kind = f"the extension {suffix}" if suffix else "a file without an extension"
    raise DataError(
        f"{source}: {kind} is not supported. Supported extensions: {', '.join(LABELLED)}; "
        f"{', '.join(EXPORTS)} and folders for exports of chatbots; "
        ".txt for texts without labels, one a line. A spreadsheet can be saved as CSV UTF-8."
    )


def _parse(text: str, path: Path, source: str, *, header: bool) -> Table:
    suffix = path.suffix.lower()
    if suffix == ".json":
        return read_json_table(text, source, path.parent)
    if suffix in (".jsonl", ".ndjson"):
        return read_json_lines(text, source)
    delimiters = DELIMITERS if suffix == ".csv" else "\t"
    return read_delimited(text, source, delimiters, header=header)


def _is_table(content: str, *, header: bool, labelled: bool, text: str | None) -> bool:
    """Whether the lines are rows of one table, with tabs between the cells."""
    lines = [line for line in content.split("\n", _COMPARED)[:_COMPARED] if line.strip()]
    if not lines or "\t" not in lines[0]:
        return False
    names = [name.strip(' "\r') for name in lines[0].split("\t")]
    if header and (has_usual_text(names) or (text and matching_columns(names, (text,)))):
        return True
    alike = all(line.count("\t") == lines[0].count("\t") for line in lines)
    return alike and (labelled or not header)


def _read_lines(text: str, source: str) -> Table:
    """A text on each line; blank lines are left out."""
    lines = enumerate(text.split("\n"), 1)
    records = tuple(
        Record(number, {"text": line.removesuffix("\r")}) for number, line in lines if line.strip()
    )
    return Table(source, ("text",), records, labelled=False)
