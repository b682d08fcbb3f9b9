"""Edits on the page: of sentences, of intents, of wrong answers; what they say, and Undo."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Open, body_of, settled
from .test_views import EDIT, ask


def labels_of(server: Any, bot: str = "shop") -> dict[str, Any]:
    import httpx

    rows = httpx.get(f"{server.url}/v1/bots/{bot}/examples?limit=1000").json()["examples"]
    return {row["text"]: row["label"] for row in rows}


def carded(page: Any, kind: str = "done") -> str:
    """What the card says once an edit is made."""
    page.wait_for_selector(f".card.{kind}")
    return str(page.inner_text(".card"))


def test_sentences_are_moved_and_moved_back(open_page: Open, server: Any) -> None:
    before = labels_of(server)
    page = open_page("#/bot/shop/sentences?intent=track_order")
    page.wait_for_selector(".lines")
    first, second = page.locator(".lines li >> .check span").all_inner_texts()[:2]
    page.check(".lines li >> nth=0 >> input")
    page.check(".lines li >> nth=1 >> input")
    assert "2 chosen" in page.inner_text(".selection")
    page.click(".selection >> text=Move…")
    page.fill("dialog input[type=search]", "REFUND")
    assert page.locator("dialog .choices label").count() == 1
    page.click("dialog label >> text=refund_status")
    page.click("dialog button >> text=Move")
    card = carded(page)
    assert card.startswith("Moved 2 sentences to refund_status")
    assert "Expected accuracy: " in card
    assert labels_of(server) == {**before, first: "refund_status", second: "refund_status"}
    assert page.locator(".selection").is_hidden()  # what was chosen is moved
    settled(page)
    assert first not in page.inner_text(".lines")
    page.click(".card >> text=Undo")
    page.wait_for_selector(".card h2 >> text=Undone")
    settled(page)
    assert first in page.inner_text(".lines")
    assert labels_of(server) == before


@pytest.mark.slow
def test_one_sentence_can_begin_a_new_intent(open_page: Open, server: Any) -> None:
    before = labels_of(server, "shop-zh")
    page = open_page("#/bot/shop-zh/sentences", locale="zh-CN")
    page.wait_for_selector(".lines")
    text = page.inner_text(".lines li >> nth=0 >> .check span")
    page.click(".chip >> nth=0")
    page.fill("dialog input[type=text]", "物流投诉")
    page.click("dialog button >> text=移动")
    assert carded(page).startswith("把 1 条例句移到 物流投诉")
    assert labels_of(server, "shop-zh") == {**before, text: "物流投诉"}
    # Moved back, nothing would be left of it; so it is merged.
    page.click(".intents >> text=物流投诉")
    page.wait_for_function("() => document.querySelectorAll('.lines li').length === 1")
    page.click(".chip")
    page.click(f"dialog label >> text='{before[text]}'")
    page.click("dialog button >> text=移动")
    page.click("dialog >> text=合并 >> visible=true")
    page.wait_for_selector(".card h2 >> text=合并到")
    assert labels_of(server, "shop-zh") == before


@pytest.mark.slow
def test_intents_are_made_renamed_and_removed(open_page: Open, server: Any) -> None:
    before = labels_of(server)
    page = open_page("#/bot/shop/sentences")
    page.click("text=New intent >> visible=true")
    page.fill("dialog input >> nth=0", "gift wrap")
    page.fill("dialog textarea", "can you wrap it\n\nI need it as a gift\ncan you wrap it")
    page.click("text=Make the intent")
    assert carded(page).startswith("New intent gift wrap with 2 sentences")
    page.wait_for_selector("main h2 >> text=gift wrap")
    page.click("text=Add sentences")
    page.fill("main details textarea", "wrapping paper please")
    page.click("text=Add 1 sentence")
    page.wait_for_selector(".card h2 >> text=Added 1 sentence to gift wrap")
    page.click("text=Rename")
    page.fill("dialog input", "wrapping")
    page.click("dialog button >> text=Rename")
    page.wait_for_selector(".card h2 >> text=Renamed gift wrap to wrapping")
    page.wait_for_selector("main h2 >> text=wrapping")
    after = labels_of(server)
    assert sorted(t for t, x in after.items() if x == "wrapping") == [
        "I need it as a gift",
        "can you wrap it",
        "wrapping paper please",
    ]
    page.click("text=Remove the intent")
    page.click("dialog button >> text=Remove")
    page.wait_for_selector(".card h2 >> text=Removed the intent wrapping")
    assert labels_of(server) == before
    page.click("nav >> text=Versions")
    page.wait_for_selector(".versions")
    assert "Removed the intent wrapping and its 3 sentences" in page.inner_text(".versions")
    page.click("text=What changed")
    page.wait_for_selector("text=3 removed sentences")


@pytest.mark.slow
def test_an_answer_that_is_wrong_can_be_taught(open_page: Open, server: Any) -> None:
    before = labels_of(server)
    page = open_page()
    ask(page, "my doorbell camera saw no courier")
    page.click("text=That is wrong")
    page.click("dialog label >> text='login_problem'")
    page.click("dialog button >> text=Save")
    assert carded(page).startswith("Added 1 sentence to login_problem")
    after = {**before, "my doorbell camera saw no courier": "login_problem"}
    assert labels_of(server) == after
    assert "Thank you" in page.inner_text(".answer")
    page.click(".card >> text=Undo")
    page.wait_for_selector(".card h2 >> text=Undone")
    assert labels_of(server) == before


def test_a_refused_edit_can_be_insisted_on(open_page: Open, server: Any) -> None:
    import httpx

    info = httpx.get(f"{server.url}/v1/bots/shop").json()
    asked = []

    def edited(route: Any) -> None:
        careful = route.request.post_data_json["refuse_if_worse"]
        asked.append(careful)
        body_of({**EDIT, "applied": not careful, "bot": info})(route)

    page = open_page("#/bot/shop/sentences?intent=track_order", {"**/labels/remove": edited})
    page.check("text=Do not apply a change")
    page.click("text=Remove the intent")
    page.click("dialog button >> text=Remove")
    page.wait_for_selector(".card.refused")
    page.click("text=Apply it anyway")
    page.wait_for_selector(".card.done")
    assert asked == [True, False]
