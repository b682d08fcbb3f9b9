"""The page in a real browser, on a real server."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.serving.settings import ServerSettings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
Open = Callable[..., Any]


def started(settings: ServerSettings) -> Any:
    """A server in a thread, with `url`, until its `should_exit` is set."""
    uvicorn = pytest.importorskip("uvicorn", reason="needs the extra serve")
    from fsl_nlp.serving.app import create_app

    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    server.url = f"http://{host}:{port}"
    return server


@pytest.fixture(scope="package")  # while it is open, its thread can run no other event loop
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as engine:
        # The sandbox of Chromium does not start for root, who runs the tests in containers.
        launched = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def bot_folders(saved_bots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Copies that the page may change."""
    folder = tmp_path_factory.mktemp("page")
    return {name: shutil.copytree(path, folder / name) for name, path in saved_bots.items()}


@pytest.fixture(scope="session")
def server(bot_folders: dict[str, Path]) -> Iterator[Any]:
    running = started(ServerSettings(tuple(bot_folders.values())))
    yield running
    running.should_exit = True


@pytest.fixture
def open_page(browser: Any, server: Any) -> Iterator[Open]:
    """`open_page("#/bot/shop/ask", answers={"**/v1/x": body}, locale=..., ...)`.

    `answers` stand for the server's: a body, or a function of Playwright's route. What the page
    writes to the console as an error fails the test, unless it is `expected`.
    """
    contexts, problems = [], list[str]()

    def open_(
        address: str = "",
        answers: dict[str, Any] | None = None,
        *,
        url: str | None = None,
        width: int = 1280,
        expected: str = "",
        **options: Any,
    ) -> Any:
        context = browser.new_context(
            **{"locale": "en-US", "viewport": {"width": width, "height": 844}, **options}
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()

        def note(kind: str, text: str) -> None:
            if kind == "error" and not (expected and expected in text):
                problems.append(text)

        page.on("console", lambda message: note(message.type, message.text))
        page.on("pageerror", lambda error: note("error", str(error)))
        for pattern, answer in (answers or {}).items():
            page.route(pattern, answer if callable(answer) else body_of(answer))
        page.goto(f"{url or server.url}/{address}")
        page.wait_for_selector("h1, dialog, .lost:not(:empty)")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def body_of(body: Any, status: int = 200, **headers: str) -> Callable[[Any], None]:
    """An answer in place of the server's."""

    def fulfil(route: Any) -> None:
        content = json.dumps(body)
        headers_of = {"Content-Type": "application/json", **headers}
        route.fulfill(status=status, body=content, headers=headers_of)

    return fulfil


def settled(page: Any) -> None:
    """Wait until nothing loads."""
    page.wait_for_function("() => !document.querySelector('[aria-busy=true], .waiting')")
