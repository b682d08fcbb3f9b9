"""The options that name columns, and the files that they are for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from fsl_nlp import Example, FewShotClassifier, TextEncoder

Cli = Callable[..., Any]
TRAIN = "where is my parcel,track\nis it sent,track\nsend it back,return\nI return this,return\n"


@pytest.fixture(scope="module")
def bot(shop: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.save(tmp_path_factory.mktemp("tables") / "bot")


def asked(result: Any) -> list[str]:
    assert result.status == 0, result.err
    return [prediction["text"] for prediction in result.json["predictions"]]


def fit(run: Cli, *arguments: Any) -> Any:
    return run("fit", *arguments, "--method", "proto", "--encoder", "embedded:en", "--json")


def test_a_file_without_a_header(run: Cli, english: TextEncoder, tmp_path: Path) -> None:
    file, out = tmp_path / "a.csv", tmp_path / "bot"
    file.write_text(TRAIN)
    refused = fit(run, file, "--out", out)
    assert "or --no-header on the command line" in refused.err
    assert fit(run, file, "--out", out, "--no-header").json["examples"] == 4
    assert run("evaluate", out, file, "--no-header", "--json").json["count"] == 4
    assert asked(run("predict", out, "--file", file, "--no-header", "--json"))[0] == (
        "where is my parcel"
    )
    other = tmp_path / "b.csv"
    other.write_text("track,where is my parcel\ntrack,is it sent\nreturn,send it back\n")
    columns = ["--no-header", "--text-column", 2, "--label-column", 1]
    assert fit(run, other, "--out", out, *columns).json["examples"] == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("more.csv", "text\nit was here\n"),
        ("more.csv", "Frage;Datum\nit was here;1\n"),
        ("more.txt", "it was here\n"),
        ("more.jsonl", '{"utterance": "it was here"}\n'),
    ],
)
def test_an_unlabelled_file_has_its_own_columns(
    name: str, content: str, run: Cli, english: TextEncoder, tmp_path: Path
) -> None:
    train, more = tmp_path / "train.csv", tmp_path / name
    train.write_text("Frage,Ziel\n" + TRAIN)
    more.write_text(content)
    columns = ["--text-column", "Frage", "--label-column", "Ziel", "--unlabelled", more]
    words = ["--method", "linear", "--encoder", "embedded:en", "--out", tmp_path / "bot"]
    result = run("fit", train, *words, *columns)
    assert result.status == 0, result.err
    headless = tmp_path / "headless.csv"
    headless.write_text(TRAIN)
    if not content.startswith("Frage"):
        result = run("fit", headless, *words, "--no-header", "--unlabelled", more)
        assert result.status == 0, result.err


def test_an_unlabelled_file_without_a_column_of_texts_is_named(
    run: Cli, english: TextEncoder, tmp_path: Path
) -> None:
    train, more = tmp_path / "train.csv", tmp_path / "more.csv"
    train.write_text("Frage,Ziel\n" + TRAIN)
    more.write_text("Satz,Datum\nit was here,1\n")
    words = ["--text-column", "Frage", "--label-column", "Ziel", "--unlabelled", more]
    result = run("fit", train, "--out", tmp_path / "bot", *words)
    assert result.status == 1
    assert f"error: {more}: no text column was found." in result.err


@pytest.mark.parametrize("text", ["questions.csv", "daten.XLSX", "logs.txt"])
def test_the_name_of_a_file_is_not_labelled(text: str, run: Cli, bot: Path) -> None:
    result = run("predict", bot, text)
    assert result.status == 2
    assert f"{text} is the name of a file." in result.err
    assert f"--file {text}" in " ".join(result.err.split())


def test_an_existing_file_with_a_blank_is_not_labelled(run: Cli, bot: Path, tmp_path: Path) -> None:
    file = tmp_path / "my questions.csv"
    file.write_text("text\nwhere is it\n")
    assert "is the name of a file" in " ".join(run("predict", bot, str(file)).err.split())
    question = "how do I open data.csv"
    assert asked(run("predict", bot, question, "--json")) == [question]


CHINESE = "问题,日期\n快递到哪了,1\n我要退货,2\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CHINESE.encode("gb18030")),
        ("a.csv", CHINESE.encode("utf-16")),
        ("a.csv", CHINESE.encode("utf-8-sig")),
        ("a.txt", CHINESE.replace(",", "\t").encode("utf-16")),
        ("a.csv", CHINESE.replace(",", ";").replace("\n", "\r\n").encode()),
    ],
)
def test_a_table_of_questions(
    name: str, content: bytes, run: Cli, bot: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert asked(run("predict", bot, "--file", tmp_path / name, "--json")) == [
        "快递到哪了",
        "我要退货",
    ]


def test_a_workbook_of_questions(run: Cli, bot: Path, tmp_path: Path) -> None:
    book = Workbook()
    for row in (["Frage", "Nr"], ["where is it", 1], [12345, 2]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    words = ["--file", tmp_path / "a.xlsx", "--text-column", "frage", "--json"]
    assert asked(run("predict", bot, *words)) == ["where is it", "12345"]


def test_a_long_table(run: Cli, bot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are read as one file; only the model would take long."""
    count = 5_000
    rows = (f'{i},"where is it, {i % 7}?",a note\r\n' for i in range(count))
    (tmp_path / "a.csv").write_text("nr,question,note\r\n" + "".join(rows), newline="")

    class Quick:
        def __init__(self, bot: Any) -> None:
            self.classifier_, self.model_version_ = bot.classifier_, bot.model_version_

        def stream(self, texts: Any, **_: Any) -> Any:
            return (self.prediction for _ in texts)

    from fsl_nlp.loading import load_bot

    loaded = load_bot(bot)
    quick = Quick(loaded)
    quick.prediction = loaded.classify("where is it")  # type: ignore[attr-defined]
    monkeypatch.setattr("fsl_nlp.loading.load_bot", lambda *_: quick)
    result = run("predict", bot, "--file", tmp_path / "a.csv")
    assert result.out.count("<- where is it, ") == count


def test_pairs_of_texts(run: Cli, words: TextEncoder, tmp_path: Path) -> None:
    pairs = [
        Example("red", text_b="blue"),
        Example("one", text_b="two"),
        Example("red", text_b="red"),
        Example("one", text_b="one"),
    ]
    classifier = FewShotClassifier("linear", "embedded:en").fit(pairs, ["no", "no", "yes", "yes"])
    bot = classifier.save(tmp_path / "bot")
    file = tmp_path / "a.csv"
    file.write_text("sentence1,sentence2\nred,red\none,blue\n")
    assert asked(run("predict", bot, "--file", file, "--json")) == ["red / red", "one / blue"]
    file.write_text("Satz,Folge\nred,red\n")
    named = ["--text-column", "Satz", "--text-b-column", "Folge"]
    assert asked(run("predict", bot, "--file", file, *named, "--json")) == ["red / red"]
    file.write_text("Satz,Folge,label\nred,red,yes\none,two,no\n")
    scored = run("evaluate", bot, file, *named, "--json")
    assert json.loads(scored.out)["count"] == 2
