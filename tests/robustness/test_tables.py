"""Files that are damaged, cut, mixed or made up: a dataset comes back, or an error in words."""

from __future__ import annotations

import io
import json
import random
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook

from fsl_nlp.data import load_dataset
from fsl_nlp.data.loading import load_unlabelled
from fsl_nlp.errors import FslError

Rounds = Callable[[int, int], int]

ROWS = [("where is my parcel", "track"), ("我要退货", "退货"), ('say "hi", now', "greet")]
WIDE = "track_order,refund_me,other\nwhere is it,give it back,hello to you\nis it sent,,\n"
ROW_SHEET = "intent,text 1,text 2,text 3\ntrack,where is it,is it sent,\nback,send it back,,\n"
LINES = "".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in ROWS)
MAP = json.dumps({label: [text] for text, label in ROWS}, ensure_ascii=False, indent=1)
TABLE = 'text,label\n"where is it, now",track\n我要退货,退货\nis it sent,track\n'
TEXTS = [
    *((name, text) for name in ("a.csv", "a.tsv", "a.txt") for text in (TABLE, WIDE, ROW_SHEET)),
    ("a.csv", "sep=;\r\ntext;label;;\r\nwhere is it;track;;\r\n;;;\r\nis it;b;;\r\n"),
    ("a.csv", "where is it,track\nis it sent,track\nsend it back,return\n"),
    ("a.csv", "sentence1|sentence2|label\na b|c d|x\ne f|g h|y\n"),
    ("a.txt", "问题\t意图\r\n快递到哪了\t物流\r\n我要退货\t退货\r\n"),
    ("a.txt", "where is it\nis it sent\n"),
    *(("a.jsonl", LINES), ("a.json", LINES), ("a.json", MAP), ("a.json", f"[{LINES[:52]}]")),
    ("a.json", json.dumps({"data": [{"text": t, "label": n} for t, n in ROWS]})),
]
PIECES = [
    *('"', '""', ",", ";", "\t", "|", "\n", "\r\n", "\r", "\0", "\ufeff", "\u200b", "\u2028"),
    *("text", "label", "sep=;\n", "sep=", "1", "-1", "null", "{", "}", "[", "]", ":", '{"text":'),
    *("查", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "text 2", ",,,,,,"),
]
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030", "latin-1")
CELLS = ["<row ", "</row>", "<c ", 'r="B2"', 'r="ZZZ9"', 't="s"', 't="e"', 't="b"', 't="inlineStr"']
CELLS += ["<v>", "</v>", "99999999", "-1", "1e999", "NaN", "<sheetData>", "mergeCell", ":", '"']


def changed(data: bytes, pieces: list[bytes], generator: random.Random) -> bytes:
    """The bytes with a few faults: cut, doubled, flipped, or with a piece put in."""
    for _ in range(generator.randint(1, 4)):
        start = generator.randrange(len(data) + 1)
        end = min(len(data), start + generator.choice([1, 2, 8, 40]))
        kind = generator.randrange(5)
        if kind == 0:
            data = data[:start] + data[end:]
        elif kind == 1:
            data = data[:end] + data[start:end] * generator.choice([1, 3]) + data[end:]
        elif kind == 2 and data[start:]:
            data = data[:start] + bytes([generator.randrange(256)]) + data[start + 1 :]
        elif kind == 3:
            data = data[:start] if generator.random() < 0.3 else data
        else:
            data = data[:start] + generator.choice(pieces) + data[start:]
    return data


def read(path: Path, generator: random.Random) -> bool:
    """Whether the file was taken, with arguments by chance; any other error fails the test."""
    names = [*[None] * 20, "text", "label", "1", "2", "问题", "column 1"]
    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if generator.random() < 0.2:
                load_unlabelled(path, text=generator.choice(names), header=generator.random() < 0.5)
            else:
                load_dataset(
                    path,
                    text=generator.choice(names),
                    label=generator.choice(names),
                    text_b=generator.choice(names),
                    header=generator.random() < 0.8,
                    labelled=generator.random() < 0.7,
                    on_error=generator.choice(["raise", "skip"]),
                )
    except FslError:
        return False
    finally:
        assert time.perf_counter() - started < 60  # no fault makes it hang
    return True


def test_texts_with_faults(tmp_path: Path, rounds: Rounds) -> None:
    generator = random.Random(19)
    taken = 0
    for _ in range(rounds(300, 20_000)):
        name, text = generator.choice(TEXTS)
        encoding = generator.choice(ENCODINGS)
        pieces = [piece.encode(encoding, "replace") for piece in PIECES]
        data = changed(text.encode(encoding, "replace"), pieces, generator)
        (tmp_path / name).write_bytes(data)
        taken += read(tmp_path / name, generator)
    assert taken > 30


@pytest.fixture
def parts() -> dict[str, bytes]:
    """The parts of a small workbook with merged cells."""
    book = Workbook()
    for row in (
        ["意图", "问题"],
        *(label_first[::-1] for label_first in ROWS),
        [None, 7],
        [True, 1.5],
    ):
        book.active.append(row)
    book.active.merge_cells("A4:A5")
    file = io.BytesIO()
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_workbooks_with_faults(tmp_path: Path, rounds: Rounds, parts: dict[str, bytes]) -> None:
    """In the archive, and in the parts of an archive that is whole."""
    generator = random.Random(23)
    pieces = [piece.encode() for piece in (*CELLS, *PIECES)]
    taken = 0
    for number in range(rounds(150, 10_000)):
        inside = number % 4 > 0
        written = dict(parts)
        if inside:
            name = generator.choice([n for n in parts if "xl/" in n and "theme" not in n])
            written[name] = changed(written[name], pieces, generator)
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in written.items():
                archive.writestr(name, content)
        data = file.getvalue()
        path = tmp_path / generator.choice(["a.xlsx", "a.xlsx", "a.csv", "a.txt"])
        path.write_bytes(data if inside else changed(data, pieces, generator))
        taken += read(path, generator)
    assert taken > 5
