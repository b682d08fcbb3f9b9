"""Texts that look like formulas, in CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.data.formulas import escape_apostrophe, escape_formula, unescape
from fsl_nlp.data.writing import for_spreadsheet, write_dataset
from fsl_nlp.errors import DataError
from fsl_nlp.types import Dataset, Example

TEXTS = [
    *("=1+1", "+86 10 1234", "-5 degrees", "@bot where is it", "'=1+1", "''-", "' =x", " \t=x"),
    *(
        "where is it",
        "it's here",
        "'tis the season",
        "'",
        "''",
        "'a'",
        "=查询物流",
        "＝1+1",
        "-",
        "",
    ),
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_cell_is_never_a_formula_and_gives_its_text_back(text: str) -> None:
    cell = escape_formula(text)
    assert cell.strip(" \t'")[:1] not in tuple("=+-@＝＋－＠") or cell.startswith("'")
    assert unescape(cell) == text
    assert unescape(escape_apostrophe(text)) == text


def test_random_texts_come_back() -> None:
    generator = random.Random(7)
    for _ in range(5000):
        text = "".join(generator.choices("'=-+@ a\t", k=generator.randint(0, 6)))
        assert unescape(escape_formula(text)) == text
        assert unescape(escape_apostrophe(text)) == text


def test_a_spreadsheet_file_reads_back_the_same(tmp_path: Path) -> None:
    texts = sorted({text.strip() for text in TEXTS} - {""})
    data = Dataset.from_texts(texts, [f"={i}" if i % 2 else f"标签 {i}" for i in range(len(texts))])
    content = for_spreadsheet(data)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert all(cell[0] not in "=+-@＝＋－＠" for row in rows for cell in row)
    (tmp_path / "examples.csv").write_bytes(content)
    back = load_dataset(tmp_path / "examples.csv")
    assert (back.texts, back.targets) == (data.texts, data.targets)


def test_other_csv_keeps_formulas_as_they_are(tmp_path: Path) -> None:
    data = Dataset.from_texts(["=1+1", "'=1+1"], ["a", "b"])
    write_dataset(data, tmp_path / "data.csv")
    assert (tmp_path / "data.csv").read_text() == "text,label\n=1+1,a\n''=1+1,b\n"
    assert load_dataset(tmp_path / "data.csv").texts == data.texts


def test_what_csv_cannot_hold_is_refused() -> None:
    with pytest.raises(DataError, match="marked mentions"):
        for_spreadsheet(Dataset.from_examples([Example("Ann is in Rome", "in", head=(0, 3))]))
