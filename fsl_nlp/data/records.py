"""What every reader gives: a table of records with their positions in the source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsl_nlp.types import Example, Label, LabelInfo


@dataclass(frozen=True, slots=True)
class Record:
    """One row. `position` is the physical line it starts on, or its index in a table."""

    position: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows that cannot be used, and the reason."""

    positions: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Table:
    """Records, the rows that could not be read, and words for messages about the source."""

    source: str  # a path as the user gave it, or a kind of table
    columns: tuple[str, ...]
    records: tuple[Record, ...]
    problems: tuple[Problem, ...] = ()
    call: str = ""  # the source as the argument of a Python call; "": the quoted source
    by_line: bool = True  # False: positions are indices, from 0 as in `table[0]`
    has_header: bool = False  # True: the column names are the first row of a text file
    note: str = ""  # warnings for the user, one a line
    info: Mapping[Label, LabelInfo] = field(default_factory=dict)
    titles: tuple[str, ...] = ()  # names of the records, by position; (): numbers
    # Makes an example of a record that is no row of columns, or raises a ValueError.
    make: Callable[[Record], Example] | None = None
    labelled: bool = True  # False: this file of a labelled format has no labels
    # Keys of values that divide the records, such as "language": one value of each is read.
    parts: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        """A word for one record."""
        if not self.titles:
            return "row"
        return "instance" if self.make else "example"

    def title(self, position: int) -> str:
        """The name of a record, else its position."""
        return self.titles[position] if self.titles else str(position)

    def locate(self, position: int) -> str:
        """The source and the position, in the form that editors open.

        >>> Table("train.csv", (), ()).locate(3)
        'train.csv:3'
        >>> Table("DataFrame", (), (), by_line=False).locate(3)
        'DataFrame row 3'
        """
        if self.titles:
            return f"{self.source}: {self.titles[position]}"
        return f"{self.source}:{position}" if self.by_line else f"{self.source} row {position}"


def columns_of(records: Iterable[Record]) -> tuple[str, ...]:
    """The keys of all records, in the order of first appearance."""
    return tuple(dict.fromkeys(key for record in records for key in record.values))


def unnamed(index: int) -> str:
    """The name of the column at an index, for a header cell that is empty.

    >>> unnamed(0)
    'column 1'
    """
    return f"column {index + 1}"


def quoted(text: str) -> str:
    """A text for a message: quoted, on one line, shortened.

    >>> print(quoted("two\\nlines"))
    "two lines"
    """
    return f'"{shortened(text)}"'


def shortened(text: str, limit: int = 60) -> str:
    """A text on one line, with "..." for what is above the limit.

    >>> shortened("where is my parcel", 12)
    'where is ...'
    """
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
