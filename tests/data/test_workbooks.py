"""Excel workbooks, and files that only seem to be some."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from fsl_nlp.data import load_dataset, workbooks

ROWS = [["text", "label"], ["where is my parcel", "track"], ["我要退货", "退货"]]
PAIRS = [("where is my parcel", "track"), ("我要退货", "退货")]


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workbook with one sheet a list of rows, merged where `merged` says."""

    def book(*sheets: Sequence[Sequence[Any]], name: str = "bot.xlsx", merged: str = "") -> Path:
        workbook = Workbook()
        workbook.remove(workbook.active)
        for number, rows in enumerate(sheets, 1):
            sheet = workbook.create_sheet(f"Sheet {number}")
            for row in rows:
                sheet.append(row)
            for cells in merged.split():
                sheet.merge_cells(cells)
        workbook.save(tmp_path / "saved.xlsx")
        return (tmp_path / "saved.xlsx").rename(tmp_path / name)

    return book


@pytest.mark.parametrize("name", ["bot.xlsx", "bot.XLSX", "bot.xlsm"])
def test_a_workbook(book, pairs, name):
    data = load_dataset(book(ROWS, name=name))
    assert pairs(data) == PAIRS
    assert data.name == "bot"


@pytest.mark.parametrize("name", ["bot.csv", "bot.tsv", "bot.txt", "bot.json"])
def test_a_workbook_with_another_extension(book, pairs, name):
    with pytest.warns(UserWarning, match=r"is an Excel workbook, and was read as one.*bot\.xlsx"):
        assert pairs(load_dataset(book(ROWS, name=name))) == PAIRS


def test_positions_are_those_that_excel_shows(book, refusal):
    rows = [["Sentences of our bot"], [], *ROWS, [], [None, "track"], ["a question", None]]
    message = refusal(book(rows))
    assert "bot.xlsx row 7: the text is missing" in message
    assert "bot.xlsx row 8: the label is missing" in message


def test_numbers(book, pairs):
    file = book([["text", "label", "id"], ["a b", 1, 7], [12345, 2.0, 8], [1.5, 3, None]])
    data = load_dataset(file)
    assert pairs(data) == [("a b", 1), ("12345", 2), ("1.5", 3)]
    assert [type(label) for label in data.targets] == [int, int, int]
    assert [example.id for example in data] == ["7", "8", None]


def test_numbers_beside_words_are_labels_of_one_kind(book):
    assert load_dataset(book([["text", "label"], ["a", 1], ["b", "x"]])).targets == ["1", "x"]


def test_true_and_false_are_labels_as_excel_shows_them(book):
    file = book([["text", "label"], ["a", True], ["b", False]])
    assert load_dataset(file).targets == ["TRUE", "FALSE"]


def test_dates_and_errors_are_neither_texts_nor_labels(book, refusal):
    file = book([["text", "label"], ["a", datetime(2026, 3, 4)], ["#N/A", "x"], ["b", "#REF!"]])
    message = refusal(file)
    assert "row 2: the label 2026-03-04 00:00:00 (datetime) is neither" in message
    assert "row 3: the text is not a string but #N/A (ExcelError)" in message
    assert "row 4: the label #REF! (ExcelError) is neither" in message


def test_formulas_without_a_value_are_missing(book, refusal):
    assert "row 2: the text is missing" in refusal(book([["text", "label"], ["=A3", "x"]]))


def test_merged_cells_fill_their_rows(book, pairs):
    rows = [
        ["意图", "问题"],
        ["物流", "快递到哪了"],
        [None, "还没发货吗"],
        [],
        ["退货", "我要退货"],
    ]
    rows += [[None, "怎么退货"]]
    assert pairs(load_dataset(book(rows, merged="A2:A3 A5:A6"))) == [
        ("快递到哪了", "物流"),
        ("还没发货吗", "物流"),
        ("我要退货", "退货"),
        ("怎么退货", "退货"),
    ]


def test_the_sheet_with_texts_and_labels_is_read(book, pairs):
    file = book([], [["read me", "first"]], ROWS)
    with pytest.warns(UserWarning, match='the sheet "Sheet 3" was read, and not "Sheet 2"'):
        assert pairs(load_dataset(file)) == PAIRS


def test_empty_columns_and_stray_cells(book, pairs):
    rows = [[None, "text", None, "label"], [None, "a b", None, "x"], [None, "c d", None, "y"]]
    rows[2] += [None] * 500 + ["a note"]
    assert pairs(load_dataset(book(rows))) == [("a b", "x"), ("c d", "y")]


def test_layouts_and_no_header(book, pairs):
    wide = [["a_b", "c_d"], ["where is it", "send it back"], ["is it sent", None]]
    with pytest.warns(UserWarning, match="one label a column"):
        data = load_dataset(book(wide))
    assert pairs(data) == [("where is it", "a_b"), ("send it back", "c_d"), ("is it sent", "a_b")]
    assert pairs(load_dataset(book(ROWS[1:]), header=False)) == PAIRS


def test_texts_without_labels(book):
    assert load_dataset(book([["问题"], ["快递到哪了"]]), labelled=False).texts == ["快递到哪了"]


def test_books_without_rows(book, refusal):
    assert refusal(book([])).endswith("bot.xlsx holds no rows.")
    assert "holds no rows below its header" in refusal(book([["text", "label"]]))


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.txt"])
def test_old_excel_files(write, refusal, name):
    message = refusal(write(name, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600))
    assert "is an old Excel file (.xls), or a workbook with a password" in message
    assert "xlsx or CSV UTF-8" in message


@pytest.mark.parametrize("name", ["a.xls", "a.ods", "a.numbers"])
def test_other_spreadsheets(write, refusal, name):
    message = refusal(write(name, "x"))
    assert f"{name[1:]} is not supported" in message
    assert "save it as .xlsx or CSV UTF-8" in message


def test_other_archives(tmp_path, refusal):
    for part, kind in [
        ("mimetype", "an OpenDocument spreadsheet (.ods)"),
        ("word/document.xml", "a Word document"),
        ("other", "a zip archive"),
    ]:
        with zipfile.ZipFile(tmp_path / "a.csv", "w") as archive:
            archive.writestr(part, "application/vnd.oasis.opendocument.spreadsheet")
        assert f"is {kind}, not an Excel workbook" in refusal(tmp_path / "a.csv")


def test_text_with_the_extension_of_a_workbook(write, refusal):
    assert "not an Excel workbook. If it holds text, name it .csv" in refusal(
        write("a.xlsx", "text,label\na,b\n")
    )


def test_sizes_are_bounded_before_anything_is_unpacked(tmp_path, refusal, monkeypatch):
    monkeypatch.setattr(workbooks, "_MOST_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(3 << 20))
    assert "unpacks to 3 MB, more than 1 MB" in refusal(tmp_path / "a.xlsx")


def edited(file: Path, part: str, old: str, new: str) -> Path:
    """The workbook with one part changed."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode())
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


SHEET = "xl/worksheets/sheet1.xml"


def test_rows_that_excel_does_not_have(book, refusal):
    file = edited(book(ROWS), SHEET, '<row r="3"', '<row r="99999999999"')
    assert 'the sheet "Sheet 1" is too large' in refusal(file)


def test_a_size_that_is_not_true(book, pairs):
    file = edited(book(ROWS), SHEET, '<dimension ref="A1:B3"', '<dimension ref="A1:XFD1048576"')
    assert pairs(load_dataset(file)) == PAIRS


def test_entities_are_refused(book, refusal):
    entities = '<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet'
    file = edited(book(ROWS), SHEET, "<worksheet", entities)
    assert "sheet1.xml has a DOCTYPE" in refusal(file)


def test_a_damaged_book(book, write, refusal):
    data = book(ROWS).read_bytes()
    middle = len(data) // 2
    for damaged in (data[:-30], data[:60], data[:middle] + b"\0\1\2" * 9 + data[middle + 27 :]):
        assert "cannot be read as an Excel workbook" in refusal(write("a.xlsx", damaged))
