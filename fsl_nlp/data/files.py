"""Reads a file of any supported format as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fsl_nlp.data.delimited import read_delimited
from fsl_nlp.data.encoding import decode
from fsl_nlp.data.formats.exports import EXPORTS, is_export, read_export
from fsl_nlp.data.json_files import read_json, read_json_lines
from fsl_nlp.data.records import Record, Table
from fsl_nlp.data.tables import read_parquet
from fsl_nlp.errors import DataError

LABELLED = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
SUFFIXES = (*LABELLED, *EXPORTS, ".txt")


def read_file(path: Path, *, source: str) -> Table:
    """The records of an existing file or folder; messages call it `source`."""
    if is_export(path):
        return read_export(path, source, _read_text)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        kind = f"the extension {path.suffix}" if path.suffix else "a file without an extension"
        raise DataError(
            f"{source}: {kind} is not supported. Supported extensions: {', '.join(LABELLED)}; "
            f"{', '.join(EXPORTS)} and folders for exports of chatbots; "
            ".txt for texts without labels, one a line. "
            "A spreadsheet can be saved as CSV UTF-8."
        )
    if suffix == ".parquet":
        return read_parquet(path, source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}.") from None
    return _read_text(data, path, source)


def _read_text(data: bytes, path: Path, source: str) -> Table:
    text, encoding = decode(data, source)
    note = (
        f"{source} is not UTF-8: it was read as {encoding}. To convert it: "
        f"iconv -f {encoding} -t UTF-8 old > new, or save it as CSV UTF-8."
    )
    table = _parse(text, path, source)
    return replace(table, note="\n".join(filter(None, (note if encoding else "", table.note))))


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
