"""A new bot from a table: what is refused, how far it is, and going to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Open, body_of
from .test_accessibility import REPORT

FAILED = (
    "shop.csv: 3 rows cannot be used.\n  shop.csv:2: the label is missing\n"
    "  shop.csv:7: the text is longer than a novel\n  and 1 more\n"
    'Fix them, or leave them out with on_error="skip" (--on-error skip).'
)


class Training:
    """Answers of a server that trains: a job that fails at rows that cannot be used."""

    def __init__(self, bot: dict[str, Any]) -> None:
        self.requests: list[Any] = []
        self.looks = 0
        self.bot = bot

    def train(self, route: Any) -> None:
        self.requests.append(route.request)
        self.looks = 0
        body_of({"job": "1"}, 202)(route)

    def job(self, route: Any) -> None:
        self.looks += 1
        state = {"state": "running", "progress": 0.4, "stage": "comparing", "step": "comparing"}
        if self.looks == 1:
            body_of({**state, "state": "waiting", "progress": 0.0})(route)
        elif self.looks == 2:
            body_of(state)(route)
        elif "on_error=skip" in self.requests[-1].url:
            result = {"bot": self.bot, "labels": 15, "examples": 180, "findings": 2}
            body_of({**state, "state": "done", "result": result})(route)
        else:
            body_of({**state, "state": "failed", "error": FAILED})(route)


@pytest.fixture
def training(server: Any) -> Training:
    return Training(httpx.get(f"{server.url}/v1/bots/shop").json())


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "我的 店.csv"
    path.write_text("text,label\nwhere is it,track\n", "utf-8")
    return path


def test_a_table_becomes_a_bot(open_page: Open, training: Training, table: Path) -> None:
    answers = {"**/v1/train?*": training.train, "**/v1/jobs/1": training.job, "**/lint": REPORT}
    page = open_page("#/new", answers)
    page.set_input_files("input[type=file]", table)
    assert page.input_value("input[type=text] >> nth=0") == "我的 店"
    page.fill("input[type=text] >> nth=0", "my shop")
    page.click("text=Train the bot")
    page.wait_for_selector("text=Trying which way of learning is best · 40%")
    assert page.get_attribute("main progress", "value") == "0.4"
    page.wait_for_selector(".error p")
    assert page.inner_text(".error").split("\n\n") == [
        "The bot was not made.",
        "3 rows of the table cannot be used:",
        "Line 2: the intent is missing",
        "Line 7: the text is longer than a novel",
        "1 more",
        "Train without these rows",
    ]
    first = training.requests[0]
    assert "bot=my+shop" in first.url
    assert first.headers["x-file-name"] == "%E6%88%91%E7%9A%84%20%E5%BA%97.csv"
    assert first.post_data_buffer == table.read_bytes()
    page.click("text=Train without these rows")
    page.wait_for_selector("#question")
    assert page.evaluate("location.hash") == "#/bot/shop/ask"
    card = page.inner_text(".card")
    assert "15 intents, 180 sentences." in card
    page.click(".card >> text=The check found 2 things to look at.")
    assert page.evaluate("location.hash") == "#/bot/shop/check"


def test_what_cannot_work_is_said_before_anything_is_sent(open_page: Open, table: Path) -> None:
    page = open_page("#/new", {"**/v1/train?*": lambda route: route.abort()})

    def complaint() -> str:
        page.click("text=Train the bot")
        return str(page.inner_text(".error"))

    assert complaint() == "Choose a file."
    page.set_input_files("input[type=file]", table)
    for name, words in {
        "": "Give the bot a name.",
        "../etc": "A name begins with a letter",
        "shop": "There is a bot “shop” already.",
    }.items():
        page.fill("input[type=text] >> nth=0", name)
        assert complaint().startswith(words)


def test_errors_of_rows_are_in_chinese_too(
    open_page: Open, training: Training, table: Path
) -> None:
    answers = {"**/v1/train?*": training.train, "**/v1/jobs/1": training.job}
    page = open_page("#/new", answers, locale="zh-CN")
    page.set_input_files("input[type=file]", table)
    page.click("text=开始训练")
    page.wait_for_selector(".error p")
    assert "第 2 行：缺少意图" in page.inner_text(".error")
    # Words that the page does not know stay English, and say so to screen readers.
    assert page.inner_text(".error [lang=en]") == "the text is longer than a novel"
