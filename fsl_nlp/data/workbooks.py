"""Excel workbooks (.xlsx, .xlsm), as the file lies on the disk: no macro, formula or link runs."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from fsl_nlp.data.columns import LABEL_NAMES, has_usual_text, usual_columns
from fsl_nlp.data.header import Row, table_of_rows
from fsl_nlp.data.records import Table, quoted
from fsl_nlp.errors import DataError

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

SUFFIXES = (".xlsx", ".xlsm")
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE = "In Excel, choose Save As and then xlsx or CSV UTF-8."
_MOST_BYTES = 1 << 29  # of all parts of a workbook, unpacked
_MOST_ROWS, _MOST_CELLS = 1 << 20, 1 << 24  # Excel has a million rows
_TITLES = 10  # rows among which the header is looked for, below titles
_MERGED = re.compile(
    rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"'
)


@dataclass(frozen=True, slots=True)
class ExcelError:
    """What a cell shows where its formula failed, such as #N/A; it is neither text nor label."""

    code: str

    def __repr__(self) -> str:
        return self.code


def is_workbook(data: bytes) -> bool:
    """Whether these bytes are an Excel file, new or old, whatever its name says."""
    return data.startswith((_ZIP, _OLE))


def read_workbook(data: bytes, source: str, *, header: bool = True) -> Table:
    """The rows of the first visible sheet with texts and labels, else with any values.

    Positions are the row numbers that Excel shows. A note names the other sheets with values.
    """
    _check(data, source)
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():  # of drop-down lists and formats that openpyxl leaves out
            warnings.simplefilter("ignore")
            book = load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
            sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            tables = {
                sheet.title: rows
                for sheet in sheets or book.worksheets
                if (rows := _read_rows(sheet, source))
            }
    except DataError:
        raise
    except Exception as error:  # of a damaged file openpyxl raises errors of every type
        raise _unreadable(source, f"{type(error).__name__}: {error}") from None
    if not tables:
        return Table(source, (), (), by_line=False)
    labelled = (title for title, rows in tables.items() if _has_usual_header(rows))
    title = next(labelled, next(iter(tables)))
    rows = tables[title]
    if header:
        rows = rows[_header_index(rows) :]
    rows = _with_text_columns(rows, 1 if header else 0)
    table = table_of_rows(rows, source, header=header, sheet=True)
    others = ", ".join(quoted(name) for name in tables if name != title)
    note = (
        f"{source}: the sheet {quoted(title)} was read, and not {others}. To read another sheet, "
        "save it as a file of its own."
    )
    return replace(table, note=note if others else "")


def _has_usual_header(rows: Sequence[Row]) -> bool:
    names = _names(rows[_header_index(rows)])
    return has_usual_text(names) and bool(usual_columns(names, LABEL_NAMES))


def _header_index(rows: Sequence[Row]) -> int:
    """The first row, or the first with several values below titles of one cell."""
    for index, row in enumerate(rows[:_TITLES]):
        names = _names(row)
        if len(names) > 1:
            return index
        if has_usual_text(names) or usual_columns(names, LABEL_NAMES):
            break
    return 0


def _names(row: Row) -> list[str]:
    return [str(cell) for cell in row.cells if cell is not None]


def _check(data: bytes, source: str) -> None:
    """Refuse what is no workbook, and one that would fill the memory."""
    if data.startswith(_OLE):
        raise DataError(
            f"{source} is an old Excel file (.xls), or a workbook with a password. {_SAVE}"
        )
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
            names = {part.filename for part in parts}
            if "xl/workbook.xml" not in names:
                raise DataError(
                    f"{source} is {_kind(archive, names)}, not an Excel workbook. {_SAVE}"
                )
            # zipfile unpacks no more of a part than the size that stands here.
            size = sum(part.file_size for part in parts)
            if size > _MOST_BYTES:
                raise DataError(
                    f"{source} unpacks to {size >> 20:,} MB, more than {_MOST_BYTES >> 20} MB. "
                    "Save the sheet with the texts as CSV UTF-8."
                )
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as file:
                        # Excel writes none; entities in it can expand without end.
                        if b"<!DOCTYPE" in file.read(4096):
                            raise _unreadable(source, f"{part.filename} has a DOCTYPE")
    except DataError:
        raise
    except Exception as error:  # damaged archives raise zlib.error, struct.error, and more
        raise _unreadable(source, f"{type(error).__name__}: {error}") from None


def _kind(archive: zipfile.ZipFile, names: set[str]) -> str:
    if "mimetype" in names and b"opendocument.spreadsheet" in archive.read("mimetype")[:100]:
        return "an OpenDocument spreadsheet (.ods)"
    if "word/document.xml" in names:
        return "a Word document"
    return "a zip archive"


def _unreadable(source: str, reason: str) -> DataError:
    shown = " ".join(reason.split())[:200]
    return DataError(f"{source} cannot be read as an Excel workbook: {shown}. {_SAVE}")


def _read_rows(sheet: ReadOnlyWorksheet, source: str) -> list[Row]:
    """The rows with values; a merged cell fills those that it covers."""
    sheet.reset_dimensions()  # many programs write the size of the whole sheet
    merged = _merged_columns(sheet)
    filling: dict[int, tuple[int, Any]] = {}  # column -> last row, value
    rows: list[Row] = []
    count = 0
    for number, raw in enumerate(sheet.iter_rows(), 1):
        cells = [_value(cell) for cell in raw]
        count += len(cells) + 1
        if number > _MOST_ROWS or count > _MOST_CELLS:
            raise DataError(f"{source}: the sheet {quoted(sheet.title)} is too large. {_SAVE}")
        for column, (last, value) in list(filling.items()):
            if number > last:
                del filling[column]
            elif any(cell is not None for cell in cells):
                cells += [None] * (column + 1 - len(cells))
                cells[column] = value
        for column, last in merged.get(number, ()):
            if column < len(cells) and cells[column] is not None:
                filling[column] = last, cells[column]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            rows.append(Row(number, cells))
    return rows


def _value(cell: Any) -> Any:
    """Text, number or date of a cell; None for white space."""
    value = cell.value
    if cell.data_type == "e":
        return ExcelError(str(value))
    if isinstance(value, bool):
        return str(value).upper()  # as Excel shows it
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _with_text_columns(rows: list[Row], first: int) -> list[Row]:
    """Numbers as text in columns that hold text from row `first`, such as a question "12345"."""
    texts = {i for row in rows[first:] for i, cell in enumerate(row.cells) if isinstance(cell, str)}
    return [
        replace(
            row,
            cells=[
                str(cell) if i in texts and isinstance(cell, (int, float)) else cell
                for i, cell in enumerate(row.cells)
            ],
        )
        for row in rows
    ]


def _merged_columns(sheet: ReadOnlyWorksheet) -> dict[int, list[tuple[int, int]]]:
    """Of each row in which a merged cell begins: the columns that it fills, and its last row."""
    from openpyxl.utils import column_index_from_string

    merged: dict[int, list[tuple[int, int]]] = {}
    block = b""
    with sheet._get_source() as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            block += chunk
            end = 0
            for match in _MERGED.finditer(block):
                end = match.end()
                left, top, right, bottom = match.groups()
                if left == right:
                    column = column_index_from_string(left.decode()) - 1
                    merged.setdefault(int(top), []).append((column, int(bottom)))
            block = block[max(end, len(block) - 256) :]  # one may stand across two chunks
    return merged
