"""Edits of a served bot that are killed, and edits by several processes at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.serving.teaching import Teacher

from .conftest import Rounds

TEXTS = ["where is my parcel", "has it been sent", "refund me", "退款"]
LABELS = ["track", "track", "refund", "refund"]

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def script(*words: object) -> dict[str, Any]:
    """What `editing_script.py` prints."""
    command = [sys.executable, "-m", "tests.robustness.editing_script", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


@forks
def test_a_killed_edit_is_made_or_not_made(tmp_path: Path, rounds: Rounds) -> None:
    """What was answered is there, and at most one edit more; the folder always loads."""
    result = script("killed", tmp_path / "bot", rounds(8, 50))
    before, texts = result["first"]["version"], result["first"]["texts"]
    for seen in result["result"]:
        assert max(before, seen["told"]) <= seen["version"] <= max(before, seen["told"]) + 1
        assert seen["texts"] - texts == seen["version"] - result["first"]["version"]
        assert seen["edits"][-1:] == [seen["version"]]
        before = seen["version"]
    # The last edit, which nobody killed, left nothing of the others.
    assert result["result"][-1]["files"] == result["first"]["files"]


@forks
def test_processes_that_edit_at_once_lose_nothing(tmp_path: Path, rounds: Rounds) -> None:
    processes, edits = 3, rounds(6, 60)
    result = script("together", tmp_path / "bot", processes, edits)
    first, last = result["first"], result["result"]
    assert last["statuses"] == [0] * processes
    expected = list(range(first["version"] + 1, first["version"] + processes * edits + 1))
    assert last["told"] == expected  # each made a version of its own
    assert last["version"] == expected[-1]
    assert last["texts"] == first["texts"] + processes * edits


@pytest.fixture
def folder(words: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved bot whose encoder costs no time."""
    monkeypatch.setattr("fsl_nlp.restoring.load_saved_encoder", lambda *_: words)
    bot = FewShotClassifier("proto", words, reject=None).fit(TEXTS, LABELS)
    return bot.save(tmp_path / "bot")


def add(text: str, label: str = "refund") -> Any:
    return lambda bot, _: bot.add_examples([text], [label])


def test_edits_are_undone_after_a_restart(folder: Path) -> None:
    first = Teacher(folder)
    versions = [first.change(add(f"money {n}")).model_version for n in range(3)]
    second = Teacher(folder)
    for expected in versions[-2::-1]:
        assert second.change(lambda bot, _: bot.undo()).model_version == expected
    assert len(FewShotClassifier.load(folder).examples_) == len(TEXTS) + 1


def test_teachers_of_one_folder_in_one_process(folder: Path, rounds: Rounds) -> None:
    """As the servers of two ports; each sees what the other has made."""
    count = rounds(8, 100)
    teachers = [Teacher(folder), Teacher(folder)]

    def teach(number: int) -> None:
        for n in range(count):
            teachers[number].change(add(f"money {number} {n}"))

    threads = [threading.Thread(target=teach, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bot = FewShotClassifier.load(folder)
    assert len(bot.examples_) == len(TEXTS) + 2 * count
    assert bot.version_.number == 2 * count + 1


def test_without_locks_an_edit_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system has none, the save finds that the folder was saved meanwhile."""

    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", no_locks)
    another, made = Teacher(folder), []

    def edit(bot: FewShotClassifier, refuse: bool) -> Any:
        if not made:
            another.change(add("money of another"))
        made.append(bot.version_.number)
        return bot.add_examples(["money of mine"], ["refund"])

    assert Teacher(folder).change(edit).after == 3
    assert made == [1, 2]
    texts = [example.text for example in FewShotClassifier.load(folder).examples_]
    assert texts[-2:] == ["money of another", "money of mine"]


def test_an_edit_that_hangs_elsewhere_is_named(folder: Path) -> None:
    from fsl_nlp.serving.errors import RequestError

    holding, done = threading.Event(), threading.Event()

    def hang(bot: FewShotClassifier, refuse: bool) -> Any:
        holding.set()
        done.wait(60)
        return bot.add_examples(["money"], ["refund"])

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(Teacher(folder).change, hang)
        assert holding.wait(60)
        try:
            with pytest.raises(RequestError, match="Another program edits this bot"):
                Teacher(folder, patience=0.1).change(add("cash"))
        finally:
            done.set()
        assert future.result().after == 2
    assert Teacher(folder).change(add("cash")).after == 3
