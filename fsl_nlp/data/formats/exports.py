"""Folders, archives and files that only exports of chatbot platforms have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fsl_nlp.data.formats.files import open_tree
from fsl_nlp.data.formats.registry import layouts, read_columns, read_tree
from fsl_nlp.data.parts import select_parts
from fsl_nlp.data.records import Table
from fsl_nlp.errors import DataError

EXPORTS = (".yml", ".yaml", ".md", ".zip")
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")


def is_export(path: Path) -> bool:
    """Whether a path is a folder, or has an ending that no other data has.

    >>> is_export(Path("nlu.yml")), is_export(Path("train.csv"))
    (True, False)
    """
    return path.suffix.lower() in EXPORTS or path.is_dir()


def read_export(path: Path, source: str, read_text: Callable[[bytes, Path, str], Table]) -> Table:
    """The table of the format that it is of; of an archive with one table, what `read_text` reads.

    `read_text` takes the content of a file, its name and the source for messages.
    """
    tree = open_tree(path, source)
    if table := read_tree(tree):
        return table
    if tree.names == ("",):
        raise DataError(
            f"{source} is no training data of Rasa: it has neither `nlu:` nor `## intent:` at the "
            "beginning of a line."
        )
    tables = tree.named(*_TABLES)
    if len(tables) == 1 and not path.is_dir():
        return read_text(tree.data(tables[0]), Path(tables[0]), tree.title(tables[0]))
    kind = "a folder" if path.is_dir() else "an archive"
    advice = "Name a file in it" if path.is_dir() else "Unpack it and name a file"
    raise DataError(f"{source} is {kind}. {advice}, or {kind} with one of these:\n{layouts()}")


def as_exported(table: Table, part: str | None, *named: str | None) -> Table:
    """The wanted part of a table, read as the tool means it that wrote it.

    If the user names columns of the file itself, it stays as it is.
    """
    meant = read_columns(table)
    columns = {column.casefold() for column in meant.columns}
    if any(name and name.casefold() not in columns for name in named):
        meant = table
    return select_parts(meant, part)
