"""The log as a file for spreadsheets, and as JSON lines."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsl_nlp import load_dataset
from fsl_nlp.errors import OptionError
from fsl_nlp.serving.questions.export import export
from fsl_nlp.serving.questions.question import Entry, Feedback

from .conftest import ask, reject

TEXTS = ["=HYPERLINK(1)", "-5 °C", "+49", "@home", "'quoted'", 'a "b", c\nd', "我的包裹", "\t=1"]


def entries() -> list[Entry]:
    return [Entry(ask(text)) for text in TEXTS]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_spreadsheet_computes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    nasty = ask("=1", bot="=2", label="=3", alternatives=(("=4", 0.1),), request="-5")
    assert export([Entry(nasty, Feedback(nasty.id, "=6", "=7"))], path) == 1
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    (row,) = rows(path)
    assert [value for value in row.values() if value[:1] in "=+-@" and value] == []
    assert row["text"] == "'=1"
    assert row["alternatives"] == "'=4 0.100"


def test_the_texts_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    assert export(entries(), path) == len(TEXTS)
    texts = [example.text for example in load_dataset(path, labelled=False).examples]
    assert texts == [text.strip() for text in TEXTS]


def test_all_that_is_known(tmp_path: Path) -> None:
    wrong, right, none = ask(in_scope=0.98765), ask(), reject("x", text_b="y")
    given = [
        Entry(wrong, Feedback(wrong.id, "refund", "no!")),
        Entry(right, Feedback(right.id, "track")),
        Entry(none, Feedback(none.id, None)),
        Entry(ask(alternatives=(("refund", 0.05), (3, 0.01)))),
    ]
    export(given, tmp_path / "log.csv")
    first, second, third, last = rows(tmp_path / "log.csv")
    assert (first["feedback"], first["right_label"], first["comment"]) == ("wrong", "refund", "no!")
    assert (first["in_scope"], first["confidence"]) == ("0.9877", "0.9")
    assert (second["feedback"], second["right_label"]) == ("right", "track")
    assert (third["feedback"], third["right_label"], third["text"]) == ("right", "", "x\ny")
    assert (last["feedback"], last["alternatives"]) == ("", "refund 0.050; 3 0.010")
    export(given, tmp_path / "log.jsonl")
    lines = (tmp_path / "log.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [entry.to_dict() for entry in given]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_the_file_is_private(tmp_path: Path) -> None:
    export(entries(), tmp_path / "log.csv")
    assert stat.S_IMODE((tmp_path / "log.csv").stat().st_mode) == 0o600


def test_an_older_file_stays_if_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("old")

    def broken() -> Iterator[Entry]:
        yield from entries()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"log\.csv"):
        export(broken(), path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"\.csv for spreadsheets"):
        export([], tmp_path / "log.xlsx")
    assert not list(tmp_path.iterdir())
    assert export([], tmp_path / "LOG.CSV") == 0
