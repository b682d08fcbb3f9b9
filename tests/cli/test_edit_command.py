"""`fsl-nlp edit` and `fsl-nlp suggest`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fsl_nlp import FewShotClassifier

from ..command_line import Result

Run = Callable[..., Result]


@pytest.fixture
def folder(shop: FewShotClassifier, tmp_path: Path) -> Path:
    return shop.save(tmp_path / "bot")


@pytest.fixture
def more(tmp_path: Path) -> Path:
    path = tmp_path / "more.csv"
    path.write_text("text,label\nmy box is not here,track_order\ncash back,get_refund\n", "utf-8")
    return path


def test_a_bot_is_edited_step_by_step(run: Run, folder: Path, more: Path, tmp_path: Path) -> None:
    added = run("edit", folder, "add", more, "--json").json
    assert (added["summary"], added["after"]) == (
        "added 2 texts of 'track_order', 'get_refund'",
        2,
    )
    (tmp_path / "pay.txt").write_text("do you take cards\n可以刷卡吗\n", "utf-8")
    described = ("--description", "how to pay")
    assert run("edit", folder, "add-label", "pay", tmp_path / "pay.txt", *described).status == 0
    assert "renamed 'pay' to '付款'" in run("edit", folder, "rename", "pay", "付款").out
    merged = run("edit", folder, "merge", "log_in", "付款", "--into", "account")
    assert "merged 'log_in', '付款' into 'account': version 4 -> 5" in merged.out
    assert "付款 -> account: 2" in run("edit", folder, "diff").out
    (tmp_path / "wrong.txt").write_text("cash back\n", "utf-8")
    assert run("edit", folder, "remove", tmp_path / "wrong.txt").status == 0
    history = run("edit", folder, "history", "--json").json["history"]
    assert [entry["action"] for entry in history] == [
        "add_examples",
        "add_label",
        "rename_label",
        "merge_labels",
        "remove_examples",
    ]
    assert "removed 1 text" in run("edit", folder, "history").out
    for number in range(5, 0, -1):
        assert run("edit", folder, "undo", "--json").json["after"] == number
    again = run("edit", folder, "undo")
    assert (again.status, again.err) == (1, "error: There is no edit to undo.\n")
    assert run("edit", folder, "remove-label", "log_in").status == 0


def test_relabelled_texts(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.txt").write_text("refund me please\n", "utf-8")
    moved = run("edit", folder, "relabel", "log_in", tmp_path / "wrong.txt", "--json").json
    assert moved["summary"] == "relabelled 1 text of 'get_refund' as 'log_in'"
    assert "get_refund -> log_in: 1" in run("edit", folder, "diff").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "{more}", "--steps", "2"), "--steps is for adapt only"),
        (("adapt", "{more}", "--refuse-if-worse"), "adapt estimates no accuracy"),
        (("adapt", "{more}", "--steps", "6"), "--steps"),
        (("adapt", "{more}"), "not meta-learned, so it has no steps to take. Use add_examples"),
    ],
)
def test_steps_are_for_meta_learned_bots(
    run: Run, folder: Path, more: Path, words: tuple[str, ...], message: str
) -> None:
    result = run("edit", folder, *(word.format(more=more) for word in words))
    assert result.status != 0
    assert message in " ".join(result.err.split())


def test_an_edit_waits_for_another_one(run: Run, folder: Path, more: Path) -> None:
    from threading import Thread

    from fsl_nlp.locks import locked

    waiting = Thread(target=run, args=("edit", folder, "add", more))
    with locked(folder):
        waiting.start()
        bot = FewShotClassifier.load(folder)
        bot.remove_label("log_in")
        waiting.join(0.5)
        bot.save(folder)
        assert waiting.is_alive()
    waiting.join()
    history = FewShotClassifier.load(folder).history()
    assert [change.action for change in history] == ["remove_label", "add_examples"]


def test_two_bots_are_compared(run: Run, folder: Path, more: Path, tmp_path: Path) -> None:
    other = FewShotClassifier.load(folder)
    other.remove_label("log_in")
    other.save(tmp_path / "other")
    difference = run("edit", folder, "diff", tmp_path / "other", "--json").json
    assert {item["label"] for item in difference["added"]} == {"log_in"}
    assert difference["removed"] == []


def test_forgetting(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "private.txt").write_text("where is my parcel\n", "utf-8")
    run("edit", folder, "remove", tmp_path / "private.txt")
    assert any(b"where is my parcel" in path.read_bytes() for path in folder.iterdir())
    assert run("edit", folder, "forget").status == 0
    assert not any(b"where is my parcel" in path.read_bytes() for path in folder.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ad", "more.csv"], "'ad' is no action. Choose one of add, remove"),
        (["rename", "log_in"], "edit BOT rename OLD NEW"),
        (["merge", "log_in", "get_refund"], "merge LABEL ... --into LABEL"),
        (["undo", "2"], "edit BOT undo"),
        (["add-label", "pay"], "give a FILE with texts of the label, or its --description"),
        (["remove-label", "log_in", "--description", "x"], "--description is for add-label only"),
    ],
)
def test_a_wrong_command_line(run: Run, folder: Path, words: list[str], message: str) -> None:
    result = run("edit", folder, *words)
    assert (result.status, message in " ".join(result.err.split())) == (2, True)


def test_an_edit_that_cannot_be_made(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("text,label\nlet me in,login\n", "utf-8")
    result = run("edit", folder, "add", tmp_path / "new.csv")
    assert result.status == 1
    assert result.err.startswith("error: There is no label 'login'. Did you mean log_in?")


def test_suggestions(run: Run, folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("refund my parcel\nmy password was refunded\nwhere is my parcel\n", "utf-8")
    suggestions = run("suggest", folder, log, "-n", 1, "--json").json
    assert suggestions["texts"] == 2
    assert len(suggestions["to_label"]) == 1
    assert "label these:" in run("suggest", folder, log).out
