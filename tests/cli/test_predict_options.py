"""`fsl-nlp predict` with --why and --set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder

from ..conftest import SHOP

Cli = Any


@pytest.fixture(scope="module")
def bot(english: TextEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It answers every question."""
    return fitted(english, reject=None).save(tmp_path_factory.mktemp("bots") / "bot")


@pytest.fixture(scope="module")
def careful(english: TextEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fitted(english, reject=0.05).save(tmp_path_factory.mktemp("bots") / "bot")


def fitted(encoder: TextEncoder, reject: float | None) -> FewShotClassifier:
    texts = [text for group in SHOP.values() for text in group]
    labels = [label for label, group in SHOP.items() for _ in group]
    return FewShotClassifier("linear", encoder, reject=reject).fit(texts, labels)


def test_why_marks_the_words(run: Cli, bot: Path) -> None:
    asked = run("predict", bot, "could you tell me where the parcel is", "refund", "", "--why")
    assert "[parcel]" in asked.out
    assert ": parcel +" in asked.out
    assert asked.out.count("why ") == 1  # nothing can be left out of one word
    answers = run("predict", bot, "could you tell me where the parcel is", "", "--why", "--json")
    first, empty = answers.json["predictions"]
    words = [word["text"] for word in first["why"]]
    assert words == ["could", "you", "tell", "me", "where", "the", "parcel", "is"]
    assert max(first["why"], key=lambda word: word["change"])["text"] == "parcel"
    assert empty["why"] == []
    plain = run("predict", bot, "where is my parcel", "--json").json["predictions"][0]
    assert plain["why"] == []


def test_why_of_each_part(run: Cli, bot: Path) -> None:
    message = "where is my parcel, and I forgot my password"
    out = run("predict", bot, message, "--why", "--multiple").out
    assert out.count("why ") == 2
    assert "[parcel]" in out
    assert "[password]" in out


def test_control_characters_in_words_are_shown(run: Cli, bot: Path) -> None:
    asked = run("predict", bot, "--why", stdin=b"my \x1b[31mparcel is\tlost\n")
    assert "\x1b" not in asked.out
    assert len(asked.out.splitlines()) == 3


def test_a_set_of_labels(run: Cli, careful: Path) -> None:
    texts = [text for group in SHOP.values() for text in group]
    asked = run("predict", careful, *texts, "", "--set", 0.9)
    assert len(asked.out.splitlines()) == 10
    assert asked.out.splitlines()[0].endswith("%  <- where is my parcel")
    assert asked.out.splitlines()[-1] == "    no label (the text is empty)"
    rows = run("predict", careful, *texts, "", "--set", 0.9, "--json").json["predictions"]
    assert rows[0]["labels"][0] == "track_order"
    assert rows[0]["coverage"] == 0.9
    assert rows[0]["limited"] is True
    assert rows[-1] == {"text": "", "labels": []}
    wide = run("predict", careful, "where is my parcel", "--set", 0.999)
    assert "any label: too few training examples for a coverage of 0.999" in wide.out


def test_what_cannot_be_a_set(run: Cli, bot: Path) -> None:
    for value in ("0", "1"):
        refused = run("predict", bot, "hi", "--set", value)
        assert refused.status == 1
        assert "coverage=" in refused.err
    assert run("predict", bot, "hi", "--set", "0.9", "--multiple").status == 2
    for value in ("1.5", "-0.1", "many", "nan", "inf"):
        refused = run("predict", bot, "hi", "--set", value)
        assert refused.status == 2
        assert "--set" in refused.err
    old = run("predict", bot, "hi", "--set", "0.9")
    assert old.status == 1
    assert "Fit it again" in old.err


def test_a_set_of_a_long_file(run: Cli, careful: Path, tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text("\n".join(["where is my parcel", "", "refund me"] * 30) + "\n", "utf-8")
    rows = run("predict", careful, "--file", path, "--set", 0.8, "--json").json["predictions"]
    assert [row["text"] for row in rows][:3] == ["where is my parcel", "", "refund me"]
    assert len(rows) == 90
    assert all(row["labels"][:1] == ["get_refund"] for row in rows[2::3])
