"""What every reader hands on: a table of records that know where they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsl_nlp.types import Example, Label, LabelInfo


@dataclass(frozen=True, slots=True)
class Record:
    """One row. `place` is the physical line it starts on, or its position in a table."""

    place: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows that cannot be used, and why."""

    places: tuple[int, ...]
    what: str


@dataclass(frozen=True)
class Table:
    """Records, the rows that could not be read, and how messages speak of the source."""

    source: str  # a path as the user gave it, or a kind of table
    columns: tuple[str, ...]
    records: tuple[Record, ...]
    problems: tuple[Problem, ...] = ()
    call: str = ""  # the source as an argument in Python; "" means the quoted source
    by_line: bool = True  # False: places are positions, counted from 0 as in `table[0]`
    has_header: bool = False  # True: the column names are the first row of a text file
    note: str = ""  # something about the file that the user should know, for a warning
    info: Mapping[Label, LabelInfo] = field(default_factory=dict)
    titles: tuple[str, ...] = ()  # what the records are called, by place; () means by number
    # How a record becomes an example, where it is no row of columns; ValueError if it cannot.
    make: Callable[[Record], Example] | None = None
    labelled: bool = True  # False: a format with labels that left them out

    @property
    def noun(self) -> str:
        return "instance" if self.titles else "row"

    def title(self, place: int) -> str:
        return self.titles[place] if self.titles else str(place)

    def where(self, place: int) -> str:
        """A place as editors understand it.

        >>> Table("train.csv", (), ()).where(3)
        'train.csv:3'
        >>> Table("DataFrame", (), (), by_line=False).where(3)
        'DataFrame row 3'
        """
        if self.titles:
            return f"{self.source}: {self.titles[place]}"
        return f"{self.source}:{place}" if self.by_line else f"{self.source} row {place}"


def columns_of(records: Iterable[Record]) -> tuple[str, ...]:
    """Every key that occurs, in the order of first appearance."""
    return tuple(dict.fromkeys(key for record in records for key in record.values))


def quoted(text: str) -> str:
    """A text for a message: on one line, and not too long.

    >>> print(quoted("two\\nlines"))
    "two lines"
    """
    return f'"{shortened(text)}"'


def shortened(text: str, limit: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
