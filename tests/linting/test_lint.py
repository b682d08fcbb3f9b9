"""`lint` in Python and on the command line, on English and Chinese texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsl_nlp
from fsl_nlp import Dataset, Example, FslError, TextEncoder
from fsl_nlp.errors import DataError
from fsl_nlp.linting.findings import Mislabel, TooLong

Run = Callable[..., Any]


LANGUAGES = [
    ("support_en", "english", "my vase is broken"),
    ("support_zh", "multilingual", "杯子到的时候就碎了"),
]


@pytest.mark.parametrize(("sample", "encoder", "text"), LANGUAGES)
def test_a_wrong_label_among_a_few_intents_of_a_sample(
    sample: str, encoder: str, text: str, request: pytest.FixtureRequest
) -> None:
    data = fsl_nlp.load_dataset(sample)
    kept = {"damaged_item", "login_problem", "invoice_request", "商品破损", "登录问题", "开发票"}
    examples = [example for example in data.examples if example.label in kept]
    wrong = Example(text, sorted({str(e.label) for e in examples})[1])
    report = fsl_nlp.lint(
        Dataset.from_examples([*examples, wrong]), request.getfixturevalue(encoder)
    )
    surest = report.of(Mislabel)[0]
    assert surest.sentences[0].text == text
    assert surest.probability > 0.7  # far from the threshold, on any processor
    assert report.accuracy is not None
    assert report.accuracy.value > 0.7


def test_long_texts_and_texts_without_a_label(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    long = "where is my parcel " * 200
    data = Dataset.from_texts([*texts, long, "hello"], [*labels, labels[0], None])
    report = fsl_nlp.lint(data, english)
    assert [f.sentences[0].text for f in report.of(TooLong)] == [long]
    assert report.unlabelled == 1
    assert "1 more without a label" in str(report)
    assert report.encoder == "embedded:en"
    json.dumps(report.to_dict())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Dataset.from_texts(["a", "b"], ["x", "x"]), "one label only, 'x'"),
        (Dataset.from_texts([], []), "no text with a label"),
        (Dataset.from_texts(["a"], [None]), "no text with a label"),
        (Dataset.from_texts(["a", " "], ["x", "y"]), r"texts\[1\] is empty"),
        (Dataset.from_texts(["a", "\ud800"], ["x", "y"]), r"texts\[1\]"),
        (
            Dataset.from_examples([Example("a", "x", text_b="b"), Example("c", "y", text_b="d")]),
            "lint checks single texts, and data holds pairs of texts",
        ),
        (
            Dataset.from_examples([Example("a", 0, candidates=("b", "c"))] * 2),
            "texts with candidates",
        ),
    ],
)
def test_what_cannot_be_checked(data: Dataset, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fsl_nlp.lint(data)


def test_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text("text,label\n")
    with pytest.raises(FslError, match="no rows"):
        fsl_nlp.lint(file)


def write(folder: Path, texts: list[str], labels: list[str]) -> Path:
    file = folder / "train.csv"
    rows = zip(texts, labels, strict=True)
    file.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return file


@pytest.mark.usefixtures("english")
def test_the_command(run: Run, tmp_path: Path, texts: list[str], labels: list[str]) -> None:
    file, page = write(tmp_path, texts, labels), tmp_path / "check.html"
    result = run("lint", file, "--html", page)
    assert result.status == 0, result.err
    assert "9 texts, 3 intents, 3 findings" in result.out
    assert "get_refund has 3 texts" in result.out
    assert "get_refund" in page.read_text("utf-8")


@pytest.mark.usefixtures("english")
def test_the_command_as_json(run: Run, tmp_path: Path, texts: list[str], labels: list[str]) -> None:
    result = run("lint", write(tmp_path, texts, labels), "--json")
    content = result.json
    assert content["texts"] == 9
    assert [finding["kind"] for finding in content["findings"]] == ["thin"] * 3
    assert content["findings"][0]["sentences"][0]["text"] in texts


@pytest.mark.usefixtures("english")
def test_top_says_what_is_left(
    run: Run, tmp_path: Path, texts: list[str], labels: list[str]
) -> None:
    result = run("lint", write(tmp_path, texts, labels), "--top", "1")
    assert "2 more: --top 3, or --html FILE." in result.out


def test_the_command_names_the_error(run: Run, tmp_path: Path) -> None:
    result = run("lint", write(tmp_path, ["a", "b"], ["x", "x"]))
    assert result.status == 1
    assert "one label only" in result.err
    assert "Traceback" not in result.err
