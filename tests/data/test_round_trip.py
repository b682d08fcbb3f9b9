"""Odd texts come back as they were written, whatever the format and the writer."""

from __future__ import annotations

import csv
import io
import json
import random
from contextlib import suppress

import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.errors import DataError

ODD = [
    *("plain", "a, b", 'say "hi"', '"', '""', '"quoted"', '", "', "tab\there", "semi;colon"),
    *("two\nlines", "two\r\nlines", "bare\rreturn", "blank\n\n\nbetween", 'ends with quote"'),
    *("u2028\u2028and\u2029here", "next\u0085line", "form\x0cfeed\x0bhere", "file\x1cseparator"),
    *("查询物流，退货", "「引号」", "😀 👩‍👩‍👧", "é e\u0301", "\u200bzero width", "rtl \u202eabc"),
    *("\\n \\t \\", "null", "NaN", "NA", "None", "1", "1.0", "true", "=1+1", "#comment", "{}"),
    *("[1]", "'", "`", "\ufeffx", "x\ufeff", "a" * 200_000),
]
PIECES = ['"', '""', ",", "\t", "\n", "\r\n", ";", "\u2028", "\u0085", "a", "查", "😀", " ", "'"]


def random_texts(count: int) -> list[str]:
    generator = random.Random(7)
    texts = ("".join(generator.choices(PIECES, k=generator.randint(1, 12))) for _ in range(count))
    return sorted({text.strip() for text in texts} - {""})


def as_csv(texts: list[str], **options: object) -> str:
    file = io.StringIO()
    writer = csv.writer(file, **options)
    writer.writerow(["id", "text", "label"])
    writer.writerows((number, text, f"{number} 标签 {text}") for number, text in enumerate(texts))
    return file.getvalue()


def rows(texts: list[str]) -> list[dict[str, str]]:
    return [
        {"id": str(n), "text": text, "label": f"{n} 标签 {text}"} for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize("texts", [ODD, random_texts(2000)], ids=["odd", "random"])
class TestRoundTrip:
    def check(self, file, texts):
        data = load_dataset(file)
        assert data.texts == texts
        assert data.targets == [f"{n} 标签 {text}" for n, text in enumerate(texts)]
        assert [example.id for example in data] == [str(number) for number in range(len(texts))]

    @pytest.mark.parametrize("line_end", ["\n", "\r\n"])
    @pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    def test_csv(self, write, texts, line_end, quoting):
        content = as_csv(texts, lineterminator=line_end, quoting=quoting)
        self.check(write("a.csv", content), texts)
        self.check(write("a.csv", content.removesuffix(line_end)), texts)

    def test_csv_with_semicolons(self, write, texts):
        self.check(write("a.csv", as_csv(texts, delimiter=";")), texts)

    def test_tsv(self, write, texts):
        self.check(write("a.tsv", as_csv(texts, delimiter="\t")), texts)

    @pytest.mark.parametrize("ascii_only", [True, False])
    def test_json_lines(self, write, texts, ascii_only):
        lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows(texts)]
        self.check(write("a.jsonl", "\n".join(lines)), texts)
        self.check(write("a.json", "\r\n".join(lines) + "\r\n"), texts)

    @pytest.mark.parametrize("indent", [None, 2])
    def test_json(self, write, texts, indent):
        content = json.dumps(rows(texts), ensure_ascii=False, indent=indent)
        self.check(write("a.json", content), texts)
        self.check(write("a.json", f'{{"data": {content}}}'), texts)

    def test_label_map(self, write, texts):
        labels = {f"{n} 标签 {text}": [text] for n, text in enumerate(texts)}
        data = load_dataset(write("a.json", json.dumps(labels, ensure_ascii=False)))
        assert data.texts == texts
        assert data.targets == list(labels)

    def test_parquet(self, tmp_path, texts):
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
        pandas.DataFrame(rows(texts)).to_parquet(tmp_path / "a.parquet")
        self.check(tmp_path / "a.parquet", texts)

    def test_pandas_writes_and_reads(self, tmp_path, texts):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(rows(texts))
        frame.to_csv(tmp_path / "a.csv", index=False)
        self.check(tmp_path / "a.csv", texts)
        self.check(frame, texts)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_no_file_breaks_the_reader(write, name):
    """Whatever a file holds, the answer is a dataset or a DataError."""
    generator = random.Random(11)
    pieces = [*PIECES, "text", "label", "{", "}", "[", "]", ":", '"text":', '{"text":"a"}', "\0"]
    header = "" if "json" in name else f"text{',' if name == 'a.csv' else chr(9)}label\n"
    for _ in range(500):
        content = header + "".join(generator.choices(pieces, k=generator.randint(0, 30)))
        with suppress(DataError):
            assert len(load_dataset(write(name, content))) > 0
