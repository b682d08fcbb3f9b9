"""From rows of cells to a table: the header row, or columns by position."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fsl_nlp.data.records import Problem, Record, Table, unnamed
from fsl_nlp.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row and the line that it starts on, or why it cannot be read."""

    position: int
    cells: Sequence[Any] = ()
    problem: str | None = None


def table_of_rows(
    rows: Iterable[Row], source: str, *, header: bool = True, sheet: bool = False
) -> Table:
    """The records below the header row; without one, the columns are "1", "2", and so on.

    Rows without values, and columns without a name and without values, are left out: spreadsheets
    write them. The positions of a `sheet` are numbers of rows, not lines.

    >>> rows = [Row(1, ("text", "label", "")), Row(2, ("hi", "greet", ""))]
    >>> table_of_rows(rows, "a.csv").records
    (Record(position=2, values={'text': 'hi', 'label': 'greet'}),)
    >>> table_of_rows(rows[1:], "a.csv", header=False).records
    (Record(position=2, values={'1': 'hi', '2': 'greet'}),)
    """
    rows = [row for row in rows if row.problem or len(row.cells) < 2 or any(map(_name, row.cells))]
    if header and rows and rows[0].problem:
        raise DataError(f"{source}:{rows[0].position}: {rows[0].problem} (in the header row)")
    head = next((row.cells for row in rows if not row.problem), ())
    body = rows[1:] if header else rows
    filled = {i for row in body for i, cell in enumerate(row.cells) if _name(cell)}
    named = {i for i, cell in enumerate(head) if _name(cell)}
    # Cells are missing at the end of a sheet's row if they are empty, and the first may be shorter.
    width = max(filled | named, default=-1) + 1 if sheet else len(head)
    kept = [i for i in sorted(filled | named if header else filled) if i < width]
    names = {i: _name(head[i]) for i in named} if header else {i: str(i + 1) for i in kept}
    columns = tuple(names.get(i, unnamed(i)) for i in kept)
    needed = 0 if sheet else max(kept, default=-1) + 1
    records, problems = [], []
    for row in body:
        cells = row.cells
        if problem := row.problem or _explain_width(cells, needed, width, header):
            problems.append(Problem((row.position,), problem))
        else:
            values = (cells[i] if i < len(cells) else None for i in kept)
            records.append(Record(row.position, dict(zip(columns, values, strict=True))))
    return Table(
        source, columns, tuple(records), tuple(problems), by_line=not sheet, has_header=header
    )


def _name(cell: Any) -> str:
    return "" if cell is None else str(cell).strip().strip("\ufeff\u200b").strip()


def _explain_width(cells: Sequence[Any], needed: int, width: int, header: bool) -> str | None:
    """Why a row has too few fields, or too many that are not empty."""
    first = "header" if header else "first row"
    if len(cells) < needed:
        return f"too few fields: {len(cells)}, and the {first} has {width}"
    if any(map(_name, cells[width:])):
        return (
            f"too many fields: {len(cells)}, and the {first} has {width}; "
            "a text that contains the separator needs quotes around it"
        )
    return None
