"""`fsl-nlp log`, and `fsl-nlp suggest --log`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.serving.questions.question import Feedback, Question, now
from fsl_nlp.serving.questions.store import QuestionStore

from ..command_line import Result
from ..conftest import SHOP

Run = Callable[..., Result]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A log with four questions to two bots."""
    url = f"sqlite:///{tmp_path / 'questions.db'}"
    store = QuestionStore(url)
    store.prepare()
    sure = {"label": "track_order", "confidence": 0.9}
    rejected: dict[str, Any] = {"reason": "out_of_scope", "confidence": 0.2}
    asked = [
        Question("where is it", "shop", **sure, time=now() - timedelta(days=50)),
        Question("cancel my order", "shop", **rejected),
        Question("cancel my order", "shop", **rejected),
        Question("取消订单，我是张三", "shop-zh", **rejected),
    ]
    store.add(asked)
    store.give_feedback(Feedback(asked[0].id, "get_refund", "I am Zhang San"))
    store.close()
    return url


def test_stats(run: Run, url: str) -> None:
    shop, chinese = run("log", "stats", url, "--json").json["bots"]
    assert (shop["bot"], shop["questions"], shop["wrong"]) == ("shop", 3, 1)
    assert chinese["reasons"] == {"out_of_scope": 1}
    text = run("log", "stats", url, "--since", "7d").out
    assert "shop-zh" in text
    assert "track_order" not in text
    assert run("log", "stats", url, "--bot", "none").out == "No questions.\n"


def test_export(run: Run, url: str, tmp_path: Path) -> None:
    out = tmp_path / "log.csv"
    words = ["log", "export", url, "--out", out, "--reason", "out_of_scope", "--bot", "shop"]
    assert run(*words).out == f"Wrote 2 questions to {out}.\n"
    assert out.read_text("utf-8-sig").count("cancel my order") == 2
    assert "--force" in run(*words).err
    assert run(*words, "--since", "7d", "--force", "--json").json == {
        "out": str(out),
        "questions": 2,
    }


def test_prune(run: Run, url: str) -> None:
    assert run("log", "prune", url).out == "Deleted 0 questions.\n"
    assert run("log", "prune", url, "--days", 30).out == "Deleted 1 question.\n"
    assert run("log", "prune", url, "--days", 1e9, "--json").json == {"deleted": 0}


def test_forget(run: Run, url: str, tmp_path: Path) -> None:
    words = ["log", "forget", url, "--containing", "zhang SAN"]
    assert run(*words, "--dry-run").out == "Would delete 1 question.\n"
    assert run(*words).out == "Deleted 1 question.\n"
    assert run(*words, "--json").json == {"deleted": 0, "matching": 0}
    assert run("log", "forget", url, "--text", "Cancel  my order").out == "Deleted 2 questions.\n"
    assert run("log", "forget", url, "--containing", "张三").out == "Deleted 1 question.\n"
    assert run("log", "stats", url, "--json").json == {"bots": []}
    for wrong in ([], ["--containing", " "], ["--text", ""]):
        assert run("log", "forget", url, *wrong).status == 1


def test_a_log_that_is_not_there(run: Run, tmp_path: Path) -> None:
    result = run("log", "stats", f"sqlite:///{tmp_path}/none.db")
    assert result.status == 1
    assert "does not exist" in result.err
    assert "write sqlite:///questions.db" in run("log", "stats", "questions.db").err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    """The bot `shop`."""
    texts = [text for texts in SHOP.values() for text in texts]
    labels = [label for label, texts in SHOP.items() for _ in texts]
    FewShotClassifier("proto", "embedded:en").fit(texts, labels).save(tmp_path / "shop")
    return tmp_path / "shop"


def test_suggest(run: Run, url: str, bot: Path, tmp_path: Path) -> None:
    found = run("suggest", bot, "--log", url, "--json").json
    assert {(item["text"], item["count"], item["feedback"]) for item in found["to_label"]} == {
        ("where is it", 1, "get_refund"),
        ("cancel my order", 2, None),
    }
    assert "users say get_refund" in run("suggest", bot, "--log", url).out
    assert run("suggest", bot).status == 2
    assert run("suggest", bot, "log.txt", "--log", url).status == 2
    bot.rename(tmp_path / "other")
    assert "of the bot 'other'" in run("suggest", tmp_path / "other", "--log", url).err
