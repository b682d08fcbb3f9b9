"""What takes the server a while: the page shows how far it is, and then the result."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Open, body_of
from .test_accessibility import REPORT
from .test_views import INBOX

STATE = {"state": "running", "progress": 0.3, "stage": "encoding", "step": "reading"}


@pytest.mark.parametrize(
    ("view", "pattern", "body", "sign"),
    [("check", "**/lint", REPORT, ".findings"), ("inbox", "**/inbox?*", INBOX, ".panel")],
)
def test_a_result_is_waited_for(
    open_page: Open, view: str, pattern: str, body: Any, sign: str
) -> None:
    states = [STATE, {**STATE, "state": "done", "result": {}}]
    asked = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        body_of({"job": "1"} if len(asked) == 1 else body, 202 if len(asked) == 1 else 200)(route)

    def job(route: Any) -> None:
        body_of(states.pop(0))(route)

    page = open_page(f"#/bot/shop/{view}", {pattern: answer, "**/v1/jobs/1": job})
    page.wait_for_selector("text=Reading the sentences · 30%")
    page.wait_for_selector(sign)
    assert len(asked) == 2


def test_what_fails_is_said_and_can_be_tried_again(open_page: Open) -> None:
    failed = {**STATE, "state": "failed", "error": "The disk of the server is full."}
    answers = {"**/lint": body_of({"job": "1"}, 202), "**/v1/jobs/1": failed}
    page = open_page("#/bot/shop/check", answers)
    page.wait_for_selector(".failure >> text=The disk of the server is full.")
    page.unroute("**/lint")
    page.route("**/lint", body_of(REPORT))
    page.click("text=Try again")
    page.wait_for_selector(".findings")


def test_an_inbox_says_that_more_is_being_grouped(open_page: Open) -> None:
    page = open_page("#/bot/shop/inbox", {"**/inbox?*": {**INBOX, "job": "1"}})
    page.wait_for_selector("text=More questions came in")
    assert page.locator(".panel").count() == 1
