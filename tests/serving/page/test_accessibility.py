"""axe-core on every view, in both languages, light and dark; and the keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Open, body_of, settled
from .test_views import INBOX, ask

GAIN = {"label": "track_order", "value": 0.02, "low": 0.01, "high": 0.03, "accuracy": 0.9}
REPORT = {
    "texts": 3, "labels": ["refund_status", "track_order"],
    "accuracy": {"value": 0.9, "low": 0.8, "high": 0.95, "count": 100},
    "gain_of_ten_more": {**GAIN, "label": None},
    "gains_of_ten_more": [GAIN],
    "map": [[0.1, 0.2, 0, 1, "where is my money"], [-0.5, 0.4, 1, 0, "where is my parcel"]],
}  # fmt: skip
ROW = {"row": 0, "text": "where is my money", "label": "refund_status", "predicted": "track_order"}
OTHER = {"row": 1, "text": "where is my parcel", "label": "track_order", "predicted": None}
BASE = {
    "summary": "s",
    "advice": "a",
    "harm": 1.0,
    "sentences": [ROW, OTHER],
    "labels": REPORT["labels"],
}
REPORT["findings"] = [
    {**BASE, "kind": "mislabel", "sentences": [ROW], "probability": 0.9},
    {**BASE, "kind": "confusable", "rate": 0.2},
    {**BASE, "kind": "merge", "preferred": 0.45},
    {**BASE, "kind": "duplicates", "similarity": 0.97},
    {**BASE, "kind": "thin", "sentences": [], "labels": ["track_order"], "count": 1},
    {
        **BASE,
        "kind": "unbalanced",
        "sentences": [],
        "labels": ["track_order"],
        "count": 90,
        "median": 10.0,
    },
    {**BASE, "kind": "two topics", "labels": ["track_order"], "first_size": 1, "separation": 2.0},
    {**BASE, "kind": "too long", "sentences": [ROW], "labels": ["refund_status"]},
    {**BASE, "kind": "a kind that the page does not know"},
]
ANSWERS = {"**/lint": REPORT, "**/inbox?*": INBOX}
VIEWS = {
    "ask": "#/bot/shop/ask",
    "sentences": "#/bot/shop/sentences",
    "intent": "#/bot/shop/sentences?intent=track_order",
    "check": "#/bot/shop/check",
    "pair": "#/bot/shop/pair?a=refund_status&b=track_order",
    "inbox": "#/bot/shop/inbox",
    "versions": "#/bot/shop/versions",
    "new": "#/new",
    "missing": "#/bot/none/ask",
}


def violations(page: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core")
    result = axe.Axe().run(page)
    return [
        f"{item['id']}: {node['target']} {node.get('failureSummary', '')}"
        for item in result.response["violations"]
        for node in item["nodes"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_is_content_with_every_view(
    open_page: Open, locale: str, scheme: str, width: int
) -> None:
    page = open_page("", ANSWERS, locale=locale, color_scheme=scheme, width=width)
    found = {}
    for view, address in VIEWS.items():
        page.evaluate(f"location.hash = '{address}'")
        page.wait_for_timeout(100)
        settled(page)
        if view == "ask":
            ask(page, "where is my parcel")
        page.evaluate("document.querySelectorAll('main details').forEach((d) => (d.open = true))")
        settled(page)
        found[view] = violations(page)
    assert {view: list for view, list in found.items() if list} == {}


def test_axe_is_content_with_dialogs_and_messages(open_page: Open) -> None:
    refused = body_of({"error": "There is no label 'x'.", "error_type": "validation"}, 422)
    page = open_page("#/bot/shop/sentences", {"**/relabel": refused}, expected="422")
    page.wait_for_selector(".lines")
    page.click(".chip >> nth=0")
    page.click("dialog button[type=submit]")
    assert "Choose an intent." in page.inner_text("dialog")
    assert violations(page) == []
    page.click("dialog label >> nth=1")
    page.click("dialog button[type=submit]")
    page.wait_for_selector(".card.failed")
    assert "There is no label 'x'." in page.inner_text(".card")
    assert violations(page) == []


def test_everything_can_be_done_with_the_keyboard(open_page: Open) -> None:
    page = open_page("#/bot/shop/ask")

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    def focused() -> str:
        return str(page.evaluate("document.activeElement.textContent.trim()"))

    press("Tab")
    assert focused() == "To the content"
    press("Enter", "Tab")
    assert page.evaluate("document.activeElement.id") == "question"
    page.keyboard.type("where is my parcel")
    press("Enter")
    page.wait_for_selector(".answer")
    press("Tab", "Tab")
    assert focused() == "That is wrong"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    press("Enter")
    page.wait_for_selector("dialog")
    press("Escape")
    page.wait_for_function("() => !document.querySelector('dialog')")
    assert focused() == "That is wrong"  # the focus is back where it was
    page.focus("nav a >> nth=1")
    press("Enter")
    page.wait_for_selector(".lines")
    assert focused() == "Sentences"  # the heading of the new view


def test_what_happens_is_read_aloud(open_page: Open) -> None:
    page = open_page()
    ask(page, "where is my parcel")
    page.wait_for_function(
        "() => document.querySelector('[role=status]').textContent.includes('track_order')"
    )


def test_every_target_is_large_enough(open_page: Open) -> None:
    page = open_page("#/bot/shop/sentences?intent=track_order", width=390)
    page.wait_for_selector(".lines")
    small = page.evaluate(
        """() => [...document.querySelectorAll('main button, main a, header a, label.check')]
          .map((element) => [element.textContent, element.getBoundingClientRect()])
          .filter(([, box]) => box.width && (box.width < 24 || box.height < 24))
          .map(([text]) => text)"""
    )
    assert small == []


def test_nothing_moves_for_those_who_asked_for_that(open_page: Open) -> None:
    page = open_page(reduced_motion="reduce")
    style = page.evaluate(
        "getComputedStyle(document.querySelector('main button')).transitionDuration"
    )
    assert style == "0s"
