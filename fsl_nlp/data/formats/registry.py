"""The formats of exports, by name: to add one, add a line here.

Another package adds one by an entry point in the group `fsl_nlp.formats`.
"""

from __future__ import annotations

from collections.abc import Iterator

from fsl_nlp.data.formats.base import Format
from fsl_nlp.data.formats.files import FileTree
from fsl_nlp.data.json_nodes import JsonNode
from fsl_nlp.data.records import Table
from fsl_nlp.plugins import Registry

# In the order in which they are tried: any folder of text files could be label folders.
FORMATS: dict[str, str] = {
    "rasa": "fsl_nlp.data.formats.rasa:RASA",
    "dialogflow-es": "fsl_nlp.data.formats.dialogflow:ES",
    "dialogflow-cx": "fsl_nlp.data.formats.dialogflow:CX",
    "clu": "fsl_nlp.data.formats.microsoft:CLU",
    "luis": "fsl_nlp.data.formats.microsoft:LUIS",
    "lex": "fsl_nlp.data.formats.intents:LEX",
    "botpress": "fsl_nlp.data.formats.intents:BOTPRESS",
    "intents": "fsl_nlp.data.formats.intents:ONE_FILE",
    "label-studio": "fsl_nlp.data.formats.label_studio:LABEL_STUDIO",
    "argilla": "fsl_nlp.data.formats.argilla:ARGILLA",
    "label-folders": "fsl_nlp.data.formats.label_folders:FOLDERS",
}


def _unmet_requirement(_: str, loaded: object) -> str | None:
    return None if isinstance(loaded, Format) else "is no fsl_nlp.data.formats.base.Format"


REGISTRY = Registry(FORMATS, "fsl_nlp.formats", check=_unmet_requirement)


def read_tree(tree: FileTree) -> Table | None:
    """The table of the first format that a folder, an archive or a file is of; None if of none."""
    return _first(format_.from_files(tree) for format_ in _formats() if format_.from_files)


def read_document(node: JsonNode, source: str) -> Table | None:
    """The table of a JSON document; None if it is of no known format."""
    readers = (format_.from_document for format_ in _formats())
    return _first(read(node, source) for read in readers if read)


def read_columns(table: Table) -> Table:
    """The table as its format means it: an export of a tool has columns of its own."""
    readers = (format_.from_table for format_ in _formats())
    return _first(read(table) for read in readers if read) or table


def layouts() -> str:
    """What a folder can hold, a line for each format."""
    return "\n".join(f"  {f.title}: {f.layout}" for f in _formats() if f.layout)


def _formats() -> Iterator[Format]:
    return (format_ for _, format_ in REGISTRY.items())


def _first(tables: Iterator[Table | None]) -> Table | None:
    return next((table for table in tables if table is not None), None)
