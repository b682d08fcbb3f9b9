"""Reads a file of any supported format as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fsl_nlp.data.delimited import read_delimited
from fsl_nlp.data.encoding import decode
from fsl_nlp.data.json_files import read_json, read_json_lines
from fsl_nlp.data.reading import check_readable, read_whole
from fsl_nlp.data.records import Record, Table
from fsl_nlp.data.tables import read_parquet
from fsl_nlp.errors import DataError

LABELLED = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
SUFFIXES = (*LABELLED, ".txt")


def read_file(path: Path, *, source: str) -> Table:
    """The records of an existing file; messages call it `source`."""
    if path.is_dir():
        raise DataError(f"{source} is a folder. Name a file in it.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        kind = f"the extension {path.suffix}" if path.suffix else "a file without an extension"
        raise DataError(
            f"{source}: {kind} is not supported. Supported extensions: {', '.join(LABELLED)}; "
            ".txt for texts without labels, one a line. "
            "A spreadsheet can be saved as CSV UTF-8."
        )
    if suffix == ".parquet":
        check_readable(path, source)
        return read_parquet(path, source)
    text, encoding = decode(read_whole(path, source), source)
    note = (
        f"{source} is not UTF-8: it was read as {encoding}. To convert it: "
        f"iconv -f {encoding} -t UTF-8 old > new, or save it as CSV UTF-8."
    )
    return replace(_parse(text, path, source), note=note if encoding else "")


def _parse(text: str, path: Path, source: str) -> Table:
    suffix = path.suffix.lower()
    if "\r" in text and "\n" not in text:
        raise DataError(f"{source}: its lines end in a bare \\r. Save it with \\n line ends.")
    if suffix == ".txt":
        return _read_lines(text, source)
    if suffix == ".json":
        return read_json(text, source, path.parent)
    if suffix in (".jsonl", ".ndjson"):
        return read_json_lines(text, source)
    # Where the comma is the decimal sign, spreadsheets write CSV with semicolons.
    return read_delimited(text, source, "\t" if suffix == ".tsv" else ",;\t")


def _read_lines(text: str, source: str) -> Table:
    """A text on each line; blank lines are left out."""
    lines = enumerate(text.split("\n"), 1)
    records = tuple(
        Record(number, {"text": line.removesuffix("\r")}) for number, line in lines if line.strip()
    )
    return Table(source, ("text",), records, labelled=False)
