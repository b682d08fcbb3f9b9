"""What a format of exports is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fsl_nlp.data.formats.files import FileTree
from fsl_nlp.data.json_nodes import JsonNode
from fsl_nlp.data.records import Table


@dataclass(frozen=True)
class Format:
    """A format, and its readers. Each gives None for what is not of this format.

    A DataError is for what is of this format and cannot be read.

    >>> Format("lists of words", "words.lst").from_files is None
    True
    """

    title: str  # in messages
    layout: str  # what a folder of it holds, in messages; "": it is always one file
    from_files: Callable[[FileTree], Table | None] | None = None  # a folder or an archive
    from_document: Callable[[JsonNode, str], Table | None] | None = None  # a JSON file, its source
    from_table: Callable[[Table], Table | None] | None = None  # columns of any file or table
