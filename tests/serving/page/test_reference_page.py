"""The page at /docs, in a browser."""

from __future__ import annotations

from typing import Any

import pytest

from .test_accessibility import violations


@pytest.mark.slow
def test_it_is_readable(browser: Any, server: Any) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        messages: list[str] = []
        page.on("console", lambda message, messages=messages: messages.append(message.text))
        page.goto(f"{server.url}/docs")
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert messages == []  # the security policy blocks nothing
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
        page.close()
