"""Hostile texts, keys and roles, a server that is gone, slow or busy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fsl_nlp.serving.keys import add_key
from fsl_nlp.serving.settings import ServerSettings

from .conftest import Open, body_of, settled, started

ATTACK = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"
RIGHT_TO_LEFT = "أين طردي؟ (order 12)"


def test_texts_of_users_are_texts_alone(open_page: Open, server: Any) -> None:
    import httpx

    info = httpx.get(f"{server.url}/v1/bots/shop").json()
    label = {"label": ATTACK, "name": None, "description": ATTACK, "examples": 2}
    bot = {**info, "labels": [label, *info["labels"]], "error": ATTACK}
    rows = [{"text": ATTACK, "label": ATTACK}, {"text": RIGHT_TO_LEFT, "label": RIGHT_TO_LEFT}]
    change = {
        "number": 1, "action": "add_examples", "summary": f"renamed {ATTACK!r} to 'x'",
        "examples": 2, "labels": 1, "accuracy": None, "can_be_undone": True,
    }  # fmt: skip
    answers = {
        "**/v1/bots": {"bots": [bot]},
        "**/examples?*": {"total": 2, "examples": rows},
        "**/versions": {"now": 2, "versions": [change]},
    }
    page = open_page("", answers)
    page.fill("#question", ATTACK)
    page.press("#question", "Enter")
    page.wait_for_selector(".answer")
    settled(page)
    for view in ("ask", "sentences", "versions"):
        page.evaluate(f"location.hash = '#/bot/shop/{view}'")
        page.wait_for_timeout(100)
        settled(page)
        assert page.locator("main img, main script").count() == 0
        assert "<img src=x" in page.inner_text("main")
        assert "hacked" not in page.title()
    page.evaluate("location.hash = '#/bot/shop/sentences'")
    page.wait_for_selector(".lines")
    row = page.locator(".lines li >> nth=1 >> .check span")
    assert row.inner_text() == RIGHT_TO_LEFT
    assert row.evaluate("(element) => getComputedStyle(element).direction") == "rtl"
    # An intent of the other direction does not turn the words around it.
    assert page.locator(".lines li >> nth=1 >> bdi").inner_text() == RIGHT_TO_LEFT
    described = page.locator(".lines li >> nth=1 >> .chip").get_attribute("aria-label")
    assert f"\u2068{RIGHT_TO_LEFT}\u2069" in described


def test_a_key_is_asked_for_and_a_role_is_explained(
    open_page: Open, bot_folders: dict[str, Path], tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    asking, teaching = add_key(keys, "website", "ask"), add_key(keys, "owner", "teach")
    server = started(ServerSettings((bot_folders["shop"],), keys=keys))
    try:
        page = open_page("", url=server.url, expected="40")
        assert page.get_attribute("dialog input", "type") == "password"
        page.click("dialog button[type=submit]")
        assert "Type or paste the key." in page.inner_text("dialog")
        page.fill("dialog input", "wrong")
        page.press("dialog input", "Enter")
        page.wait_for_selector("dialog >> text=does not accept")
        page.fill("dialog input", asking)
        page.press("dialog input", "Enter")
        page.wait_for_selector("#question")
        assert page.evaluate("JSON.stringify(localStorage)").count(asking) == 0
        page.click("nav >> text=Sentences")
        page.wait_for_selector(".failure")
        assert "Your key may not do this." in page.inner_text(".failure")
        page.click("text=Use another key")
        page.wait_for_selector("dialog")
        page.fill("dialog input", teaching)
        page.press("dialog input", "Enter")
        page.wait_for_selector(".lines li")
        page.reload()  # the key holds as long as the tab
        page.wait_for_selector(".lines li")
    finally:
        server.should_exit = True


def test_a_server_that_is_gone_is_said_to_be_gone_and_comes_back(open_page: Open) -> None:
    page = open_page("", expected="Failed to load")
    page.route("**/v1/**", lambda route: route.abort())
    page.route("**/health", lambda route: route.abort())
    page.fill("#question", "where is my parcel")
    page.press("#question", "Enter")
    page.wait_for_selector(".lost >> text=does not answer")
    assert page.input_value("#question") == "where is my parcel"
    page.unroute("**/v1/**")
    page.unroute("**/health")
    page.click(".lost >> text=Try again")
    page.wait_for_function("() => !document.querySelector('.lost').textContent")
    page.wait_for_selector(".answer")  # it is asked again by itself


def test_a_page_that_begins_without_its_server_goes_on_when_it_is_there(open_page: Open) -> None:
    gone = {"**/v1/**": lambda route: route.abort(), "**/health": lambda route: route.abort()}
    page = open_page("", gone, expected="Failed to load")
    page.wait_for_selector(".lost >> text=does not answer")
    page.unroute("**/v1/**")
    page.unroute("**/health")
    page.wait_for_selector("#question")


def test_a_slow_answer_is_asked_for_once(open_page: Open) -> None:
    asked = []

    def slow(route: Any) -> None:
        asked.append(route.request.post_data_json)
        page.wait_for_timeout(500)
        route.continue_()

    page = open_page("", {"**/classify": slow})
    page.fill("#question", "where is my parcel")
    page.press("#question", "Enter")
    page.press("#question", "Enter")
    page.click("main button[type=submit]", no_wait_after=True)
    assert page.inner_text("main button[type=submit]") == "Asking…"
    page.wait_for_selector(".answer")
    assert len(asked) == 1


def test_a_busy_server_is_asked_again(open_page: Open) -> None:
    refused = []

    def busy(route: Any) -> None:
        refused.append(route.request.url)
        if len(refused) > 1:
            route.continue_()
        else:
            error = {"error": "Too many.", "error_type": "overloaded"}
            body_of(error, 429, **{"Retry-After": "1"})(route)

    page = open_page("", {"**/classify": busy}, expected="429")
    page.fill("#question", "where is my parcel")
    page.press("#question", "Enter")
    page.wait_for_selector(".answer")
    assert len(refused) == 2


def test_an_edit_of_a_bot_that_somebody_else_changed_is_not_made(open_page: Open) -> None:
    conflict = body_of({"error": "The bot was changed meanwhile.", "error_type": "conflict"}, 409)
    page = open_page(
        "#/bot/shop/sentences?intent=track_order", {"**/labels/remove": conflict}, expected="409"
    )
    page.click("text=Remove the intent")
    page.click("dialog button >> text=Remove")
    page.wait_for_selector(".card.failed")
    assert "Somebody else changed the bot." in page.inner_text(".card")
