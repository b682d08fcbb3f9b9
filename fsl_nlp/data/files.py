"""Reads a file of any supported format as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fsl_nlp.data.delimited import read_delimited
from fsl_nlp.data.encoding import decode
from fsl_nlp.data.formats.files import FileTree, open_tree
from fsl_nlp.data.formats.registry import layouts, read_tree
from fsl_nlp.data.json_files import read_json, read_json_lines
from fsl_nlp.data.records import Record, Table
from fsl_nlp.data.tables import read_parquet
from fsl_nlp.errors import DataError

LABELLED = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
EXPORTS = (".yml", ".yaml", ".md", ".zip")  # of chatbot platforms
SUFFIXES = (*LABELLED, *EXPORTS, ".txt")


def read_file(path: Path, *, source: str) -> Table:
    """The records of an existing file or folder; messages call it `source`."""
    try:
        return _read(path, source)
    except RecursionError:
        raise DataError(f"{source}: its values are nested too deep.") from None


def _read(path: Path, source: str) -> Table:
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in EXPORTS:
        return _read_export(open_tree(path, source), path)
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


def _read_export(tree: FileTree, path: Path) -> Table:
    """What a format of exports reads, else the only file with data in a folder or an archive."""
    if table := read_tree(tree):
        return table
    if tree.names == ("",):
        raise DataError(
            f"{tree.source} is no training data of Rasa: it has neither `nlu:` nor `## intent:` "
            "at the beginning of a line."
        )
    data = tree.named(".csv", ".tsv", ".jsonl", ".ndjson", ".json")
    if len(data) == 1 and path.suffix.lower() == ".zip":
        return _read_text(tree.data(data[0]), Path(data[0]), tree.title(data[0]))
    kind = "a folder" if path.is_dir() else "an archive"
    advice = "Name a file in it" if path.is_dir() else "Unpack it and name a file"
    raise DataError(
        f"{tree.source} is {kind}. {advice}, or a {kind.split()[1]} with one of these:\n{layouts()}"
    )


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
