"""Take the pictures of the server's page in `docs/serving.md` and its Chinese sibling.

    python docs/tools/page_pictures.py

A real server answers on real samples, in headless Chromium. Needs the extras `serve` and `dev`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent.parent / "_static"
PORT = 8765
URL = f"http://127.0.0.1:{PORT}"
LOCALES = {"en": "en-US", "zh": "zh-CN"}
ASKED = {"en": "do you sell gift cards", "zh": "买错颜色了怎么办"}
# What users ask and the bots do not know.
UNKNOWN = {
    "en": (
        "do you have a shop in leeds",
        "where are your shops",
        "is there a store near me",
        "when does the shop in york open",
        "are your shirts organic cotton",
        "is the cotton organic",
        "what are the shirts made of",
        "are you hiring",
        "any jobs in your warehouse",
        "how do i apply for a job with you",
        "can you wrap it as a gift",
        "do you do gift wrapping",
    ),
    "zh": (
        "你们有线下门店吗",
        "实体店在哪里",
        "上海有没有门店可以试穿",
        "门店几点开门",
        "这件衣服是纯棉的吗",
        "面料是什么材质",
        "衣服是什么材质的，会起球吗",
        "你们招人吗",
        "仓库还招兼职吗",
        "想来你们公司上班怎么投简历",
        "可以帮忙包成礼物吗",
        "有礼品包装吗",
    ),
}


def main() -> None:
    """Train on the shipped samples, serve them, ask, and take the pictures."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)), sync_playwright() as engine:
        chromium = shutil.which("chromium") or shutil.which("chrome")
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for language, locale in LOCALES.items():
            for text in UNKNOWN[language]:
                ask(language, text)
            time.sleep(2)  # the log is written beside the answers
            viewport = {"width": 900, "height": 780}
            page = browser.new_context(locale=locale, viewport=viewport).new_page()
            page.goto(f"{URL}/#/bot/shop-{language}/ask")
            page.fill("textarea", ASKED[language])
            page.click("form button[type=submit]")
            take(page, f"page-ask-{language}.png")
            page.goto(f"{URL}/#/bot/shop-{language}/inbox")
            take(page, f"page-inbox-{language}.png")
        browser.close()


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """A server with an English and a Chinese bot, and a log."""
    names = [f"shop-{language}" for language in LOCALES]
    for language, name in zip(LOCALES, names, strict=True):
        run(folder, "fit", f"support_{language}", "--out", name)
    words = ["serve", *names, "--port", str(PORT), "--log", "sqlite:///questions.db"]
    server = subprocess.Popen([sys.executable, "-m", "fsl_nlp", *words], cwd=folder)
    try:
        for _ in range(300):
            time.sleep(0.1)
            try:
                urlopen(f"{URL}/ready").close()
                break
            except OSError:
                continue
        yield
    finally:
        server.terminate()
        server.wait(60)


def run(folder: Path, *words: str) -> None:
    """Run a command in a folder."""
    subprocess.run([sys.executable, "-m", "fsl_nlp", *words], cwd=folder, check=True)


def ask(language: str, text: str) -> None:
    """Ask the bot of a language."""
    body = json.dumps({"text": text, "bot": f"shop-{language}"}).encode()
    headers = {"Content-Type": "application/json"}
    urlopen(Request(f"{URL}/v1/classify", body, headers)).close()


def take(page: Any, name: str) -> None:
    """Write a picture of what is shown, when nothing loads any more."""
    page.wait_for_timeout(500)
    page.wait_for_function("() => !document.querySelector('[aria-busy=true], .waiting')")
    page.screenshot(path=FOLDER / name, animations="disabled")


if __name__ == "__main__":
    main()
