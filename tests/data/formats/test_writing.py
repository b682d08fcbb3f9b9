"""Data sets to files of other tools, and back."""

from __future__ import annotations

import json
import random
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from fsl_nlp.data import load_dataset, write_dataset
from fsl_nlp.data.writing import WRITERS
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.types import Dataset, Example, LabelInfo

from .samples import SAMPLES

ENDINGS = {name: writer.suffixes[0] for name, writer in WRITERS.items()}
ODD = [
    *("plain", "two\nlines", "\\n", 'say "hi"', '"', "'", "a, b; c\td", "# comment", "- dash"),
    *("-", "--", "* star", "a: b", "key:", "? x", "! x", "& x", "| x", "> x", "%x", "@x", "`x`"),
    *("[", "]", "[x]", "x](y)", "{a}", "[a] (b)", "yes", "no", "null", "~", "1", "1.0", "=1+1"),
    *(
        "😀 👩‍👩‍👧",
        "我要退货，谢谢",
        "「引号」",
        "全\u3000角",
        "zero\u200bwidth",
        "\u202eabc",
        "é e\u0301",
    ),
    *(
        "u\u2028s",
        "n\u0085l",
        "f\x0cf\x0bv",
        "x\x1cy",
        "bell\x07",
        "del\x7f",
        "bom\ufeff",
        "\ufeffbom",
    ),
    *("bare\rreturn", "crlf\r\nline", "a\n\n\nb", "{", "}", "---", "...", "text,label", "a" * 5000),
]
LABELS = [
    *("查询物流", "yes", "faq/ask hours", 'say "hi"', "- dash", "#", "key: x", "{a}", "007", "~"),
    *(
        "two\nlines",
        "[b](c)",
        "'",
        "a, b",
        "😀",
        "C:\\n",
        "1.0",
        "greet+bye",
        "| block",
        "u\u2028s",
    ),
]
PIECES = [
    "[",
    "]",
    "-",
    "#",
    " ",
    "\n",
    '"',
    "'",
    ":",
    "{",
    "}",
    "\\",
    "\t",
    ",",
    "a",
    "查",
    "😀",
    "|",
]


def random_texts(count: int) -> list[str]:
    generator = random.Random(5)
    texts = ("".join(generator.choices(PIECES, k=generator.randint(1, 10))) for _ in range(count))
    return sorted({text.strip() for text in texts} - {""})


def odd_data() -> Dataset:
    texts = list(dict.fromkeys([*ODD, *random_texts(400)]))
    return Dataset.from_texts(texts, [LABELS[n % len(LABELS)] for n in range(len(texts))])


def content(data: Dataset) -> list[tuple[str, object]]:
    return sorted((example.text, example.label) for example in data)


def convert(data: Dataset, path: Path) -> Dataset:
    write_dataset(data, path)
    return load_dataset(path)


@pytest.mark.parametrize("first", WRITERS)
@pytest.mark.parametrize("second", WRITERS)
def test_there_and_back_between_all_formats(tmp_path, first, second):
    data = odd_data()
    held = [example for example in data if not _is_entity(example.text)]
    data = Dataset.from_examples(held)
    assert len(held) > 400
    middle = convert(data, tmp_path / f"a{ENDINGS[first]}")
    last = convert(middle, tmp_path / f"b{ENDINGS[second]}")
    assert content(last) == content(data)


def _is_entity(text: str) -> bool:
    return "[" in text and ("](" in text or "]{" in text)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("target", WRITERS)
def test_every_export_becomes_every_format(tmp_path, pairs, name, target):
    sample = SAMPLES[name]
    folder = tmp_path / "in"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = sample.write(folder)
        data = load_dataset(f"{source}:{sample.part}" if sample.part else source)
        if target == "rasa" and name == "label-studio":  # it has "[a](b)"
            with pytest.raises(DataError, match="Rasa cannot hold"):
                convert(data, tmp_path / "x.yml")
            return
        assert content(convert(data, tmp_path / f"x{ENDINGS[target]}")) == sorted(sample.pairs)


def test_rasa_would_read_an_entity(tmp_path):
    for text in ("see [this](city)", "[a]{x}", "[[a](b)"):
        data = Dataset.from_texts(["fine", text], ["a", "b"])
        with pytest.raises(DataError, match="it would read the brackets as an entity"):
            write_dataset(data, tmp_path / "nlu.yml")
    assert not (tmp_path / "nlu.yml").exists()


def test_another_reader_of_yaml_reads_the_same(tmp_path):
    data = odd_data()
    data = Dataset.from_examples(e for e in data if not _is_entity(e.text))
    write_dataset(data, tmp_path / "nlu.yml")
    texts = []
    for entry in yaml.safe_load((tmp_path / "nlu.yml").read_text("utf-8"))["nlu"]:
        assert isinstance(entry["intent"], str)
        if isinstance(entry["examples"], str):
            texts += [line[1:].strip("\n\r ") for line in entry["examples"].splitlines()]
        else:
            texts += [item["text"] for item in entry["examples"]]
    assert sorted(texts) == sorted(data.texts)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("example", "reason"),
    [
        (Example("ann in rome", "b", head=(0, 3), tail=(7, 11)), "it has marked mentions"),
        (Example("a", 0, candidates=("x", "y")), "it has candidates"),
        (Example("a\0", "b"), "NUL"),
        (Example("a\ud800", "b"), "half a character"),
        (Example(" ", "b"), "is empty"),
    ],
)
def test_what_no_format_holds_is_named(tmp_path, name, example, reason):
    file = tmp_path / f"a{ENDINGS[name]}"
    with pytest.raises(DataError, match=reason) as caught:
        write_dataset(Dataset.from_examples([Example("x", "y"), example]), file)
    assert WRITERS[name].title in str(caught.value)
    assert "example 2" in str(caught.value)
    assert not file.exists()


def test_pairs(tmp_path):
    data = Dataset.from_examples(
        [Example("a, b", "yes", text_b="二"), Example("c", "no", text_b='d "e"\nf')]
    )
    for name in ("csv", "jsonl"):
        again = convert(data, tmp_path / f"a{ENDINGS[name]}")
        assert [(e.text, e.text_b, e.label) for e in again] == [
            (e.text, e.text_b, e.label) for e in data
        ]
        mixed = Dataset.from_examples([*data, Example("single", "no")])
        with pytest.raises(DataError, match="some examples have a second text"):
            write_dataset(mixed, tmp_path / f"b{ENDINGS[name]}")
    for name in ("rasa", "label-studio"):
        with pytest.raises(DataError, match="it has a second text"):
            write_dataset(data, tmp_path / f"c{ENDINGS[name]}")


def test_ids_and_examples_without_labels(tmp_path):
    data = Dataset.from_examples([Example("a", "x", id="7"), Example("b")])
    for name in ("csv", "jsonl", "label-studio"):
        file = tmp_path / f"a{ENDINGS[name]}"
        write_dataset(data, file)
        again = load_dataset(file, labelled=False)
        assert again.targets == ["x", None]
        assert again.examples[0].id == "7"
    with pytest.raises(DataError, match="it has no label"):
        write_dataset(data, tmp_path / "a.yml")


def test_whole_numbers(tmp_path):
    data = Dataset.from_texts(["a", "b"], [1, 2])
    assert convert(data, tmp_path / "a.jsonl").targets == [1, 2]
    with pytest.warns(UserWarning, match="CSV has text labels only: 1 becomes text"):
        assert convert(data, tmp_path / "a.csv").targets == ["1", "2"]
    with pytest.raises(DataError, match='cannot tell the labels 1 and "1" apart'):
        write_dataset(Dataset.from_texts(["a", "b"], [1, "1"]), tmp_path / "b.csv")


def test_descriptions_have_no_place(tmp_path):
    data = Dataset.from_examples([Example("a", "x")], info={"x": LabelInfo(description="d")})
    with pytest.warns(UserWarning, match="no place for descriptions of labels: 1 description left"):
        write_dataset(data, tmp_path / "a.csv")


def test_a_file_stays_unless_it_may_be_replaced(tmp_path):
    data = Dataset.from_texts(["a"], ["x"])
    file = tmp_path / "a.csv"
    file.write_text("mine")
    with pytest.raises(OptionError, match=r"exists\. Name another file"):
        write_dataset(data, file)
    assert file.read_text() == "mine"
    write_dataset(data, file, overwrite=True)
    assert file.read_text() == "text,label\na,x\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_the_format_must_be_known(tmp_path):
    data = Dataset.from_texts(["a"], ["x"])
    with pytest.raises(OptionError, match="its ending names no format"):
        write_dataset(data, tmp_path / "a.docx")
    with pytest.raises(OptionError, match="Formats: csv"):
        write_dataset(data, tmp_path / "a.csv", format="excel")
    assert write_dataset(data, tmp_path / "a.txt", format="csv") == "csv"
    with pytest.raises(DataError, match="no examples"):
        write_dataset(Dataset.from_examples([]), tmp_path / "b.csv")


def test_the_command(tmp_path, run):
    source = SAMPLES["dialogflow-es"].zipped(tmp_path / "agent.zip")
    out = tmp_path / "nlu.yml"
    done = run("data", "convert", f"{source}:en", out)
    assert done.out == f"Wrote 3 texts of 2 labels to {out} (rasa).\n"
    again = run("data", "convert", out, tmp_path / "out.txt", "--format", "label-studio", "--json")
    assert again.json == {
        "out": str(tmp_path / "out.txt"),
        "format": "label-studio",
        "examples": 3,
        "labels": 2,
    }
    assert len(json.loads((tmp_path / "out.txt").read_text())) == 3
    failed = run("data", "convert", f"{source}:zh", out)
    assert failed.status == 1
    assert "exists" in failed.err
    assert run("data", "convert", f"{source}:zh", out, "--force").status == 0
    assert load_dataset(out).texts == ["我的包裹在哪里", "我要退款"]


def test_a_file_without_a_header_is_converted(run: Any, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("where is it,track\nrefund me,refund\n")
    out = tmp_path / "out.jsonl"
    assert run("data", "convert", tmp_path / "in.csv", out, "--no-header").status == 0
    assert load_dataset(out).texts == ["where is it", "refund me"]
