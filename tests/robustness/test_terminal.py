"""Texts, labels and names of strangers on a terminal: they are shown, and steer nothing."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.cli.run import report_error
from fsl_nlp.cli.tables import console
from fsl_nlp.errors import DataError
from fsl_nlp.output import one_line, to_json, visible

from .conftest import Rounds

Cli = Callable[..., Any]

# What moves a cursor, changes colours or titles, hides or turns round a line.
STEERING = [chr(c) for c in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029)]
STEERING += [chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
SEQUENCES = ["\x1b[31m", "\x1b]0;title\x07", "\x1b[2J", "\x9b1A", "\r100%  refund", "\n  99%  a"]
PLAIN = ["where ", "is it", "退款", "，", "👩\u200d💻", "[red]", "%", "\\", '"', "é", "ß"]
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def hostile(rng: random.Random) -> str:
    parts = rng.choices(STEERING + SEQUENCES * 8 + PLAIN * 8, k=rng.randint(1, 8))
    return "".join(["x", *parts])


def test_every_steering_character_is_shown() -> None:
    for character in STEERING:
        shown = one_line(f"a{character}b")
        assert shown.isprintable(), repr(character)
        assert eval(f'"{shown}"') == f"a{character}b"  # as Python writes it
        assert not UNSAFE.search(visible(character))
        assert json.loads(to_json(character)) == character


def test_joiners_and_marks_of_scripts_stay() -> None:
    text = "👩\u200d💻 می\u200cخواهم \u200f2\u200e 退款"
    assert one_line(text) == visible(text) == text


def test_fuzzed_texts_are_one_line_and_exact_json(rounds: Rounds) -> None:
    rng = random.Random(0)
    for _ in range(rounds(1_000, 300_000)):
        text = hostile(rng)
        assert not UNSAFE.search(one_line(text))
        assert len(one_line(text).splitlines()) == 1
        assert not UNSAFE.search(visible(text))
        written = to_json({text: [text]})
        assert json.loads(written) == {text: [text]}
        assert not UNSAFE.search(written)


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch, words: TextEncoder) -> FewShotClassifier:
    """A bot whose labels and training texts are hostile; commands that load a bot get it."""
    rng = random.Random(1)
    labels = [f"{hostile(rng)}.".replace("\0", "") for _ in range(4)]
    texts = [f"{word} {hostile(rng)}" for word in ("parcel", "money", "door", "kettle")]
    model = FewShotClassifier("proto", words).fit(texts, labels)
    monkeypatch.setattr("fsl_nlp.loading.load_bot", lambda *_: model)
    return model


def is_safe(result: Any) -> bool:
    return not UNSAFE.search(result.out) and not UNSAFE.search(result.err)


def test_predict_shows_what_it_cannot_print(
    run: Cli, bot: FewShotClassifier, tmp_path: Path, rounds: Rounds
) -> None:
    rng = random.Random(2)
    asked = [hostile(rng) for _ in range(rounds(50, 5_000))]
    result = run("predict", tmp_path, "--nearest", 2, "--", *asked)
    assert (result.status, result.err) == (0, "")
    assert is_safe(result)
    # A question has one line, one for other labels, and one for each training example.
    assert result.out.count("\n") == len(asked) * 4
    rows = run("predict", tmp_path, "--json", "--", *asked).json["predictions"]
    assert [row["text"] for row in rows] == asked
    assert {row["label"] for row in rows} <= set(bot.classes_.tolist())


def test_evaluate_and_inspect_show_labels(run: Cli, bot: FewShotClassifier, tmp_path: Path) -> None:
    file, labels = tmp_path / "test.csv", bot.classes_.tolist()
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["text", "label"])
        writer.writerows((f"parcel {i}", label) for i, label in enumerate(labels))
    result = run("evaluate", tmp_path, file)
    assert result.status == 0, result.err
    assert "Most confused" in result.out
    assert is_safe(result)
    result = run("inspect", bot.save(tmp_path / "bot"))
    assert result.status == 0
    assert is_safe(result)
    with file.open("a", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerow(["parcel", "\x1b[31mnew"])
    result = run("evaluate", tmp_path, file)
    assert result.status == 1
    assert "unknown to the classifier" in result.err
    assert is_safe(result)


@pytest.mark.parametrize("words", [["inspect"], ["fit", "--out", "bot"], ["methods"], ["fsl\x1b["]])
def test_names_in_errors(run: Cli, words: list[str], rounds: Rounds) -> None:
    rng = random.Random(3)
    for _ in range(rounds(2, 200)):
        name = hostile(rng).replace("\x00", "").replace("/", "")
        result = run(words[0], name, *words[1:])
        assert result.status in (1, 2)
        assert is_safe(result)
        assert is_safe(run(words[0], f"--{name}"))


def test_errors_of_any_kind(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (DataError("\x1b[1mx"), OSError(2, "gone", "\x1b[1m"), ValueError("\x9b")):
        report_error(error, as_json=True)
        shown = capsys.readouterr()
        assert not UNSAFE.search(shown.err)
        assert json.loads(shown.out)["error"]


def test_notes_and_warnings(run: Cli, bot: FewShotClassifier, tmp_path: Path) -> None:
    file = tmp_path / "\x1b[31mempty.txt"
    file.touch()
    result = run("predict", tmp_path, "--file", file)
    assert "is empty" in result.err
    assert is_safe(result)


def test_a_terminal_gets_colours_of_the_table_alone(capsys: pytest.CaptureFixture[str]) -> None:
    from fsl_nlp.cli.tables import Group, Table

    table = Table("la\x1bbel", title="da\x9bta", caption="\x1b[0m")
    table.add_row("\x1b[31mred\nline", "\u202e2")
    console().print(Group(table, "\x1b]0;x\x07"))
    shown = capsys.readouterr().out
    assert not UNSAFE.search(shown)
    assert r"\x1b[31mred\nline" in shown
