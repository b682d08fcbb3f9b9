"""The files of the page: their strings, their imports, and how the server sends them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.serving.routes.page import FOLDER

SCRIPTS = sorted(FOLDER.rglob("*.js"))
# Parts of keys that the page puts together: `tab.${name}`.
MADE = re.compile(
    r"^(tab|kind|step|did|edit\.(accuracy|answered)|new\.example|(remove|move)\.\w+|error)\."
)
LONGEST = 350  # lines, as for modules of Python


def strings(language: str) -> dict[str, str]:
    """Keys, and their strings as they stand in the file."""
    text = (FOLDER / "strings" / f"{language}.js").read_text("utf-8")
    entries = re.findall(r'^  "([^"]+)": (.+),$', text, re.MULTILINE)
    assert len(entries) == len(dict(entries)), "a key stands twice"
    assert len(entries) == text.count('\n  "')
    return dict(entries)


def test_both_languages_have_the_same_strings() -> None:
    english, chinese = strings("en"), strings("zh")
    assert list(english) == list(chinese)
    for key, text in english.items():
        marks = [set(re.findall(r"\{(\w+)\}", value)) for value in (text, chinese[key])]
        assert marks[0] == marks[1], key


def test_chinese_strings_are_chinese() -> None:
    for key, text in strings("zh").items():
        assert re.search("[\u4e00-\u9fff]", text), key


def test_every_string_is_used_and_exists() -> None:
    code = "\n".join(p.read_text("utf-8") for p in SCRIPTS if p.parent.name != "strings")
    quoted = set(re.findall(r'"([\w.]+)"', code))
    keys = strings("en")
    for called in re.findall(r'\b(?:t|phrase)\(\s*"([\w.]+)"', code):
        assert called in keys, called
    assert {key for key in keys if key not in quoted and not MADE.match(key)} == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_small_and_their_imports_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST or path.parent.name == "strings"
    for name, source in re.findall(r'import (?:\{([^}]*)\}|\w+) from "([^"]+)"', text):
        target = (path.parent / source).resolve()
        assert target.is_relative_to(FOLDER)
        for imported in filter(None, re.split(r"[,\s]+", name)):
            assert re.search(rf"export .*\b{imported}\b", target.read_text("utf-8")), imported
            assert len(re.findall(rf"\b{imported}\b", text)) > 1, f"{imported} is not used"


def test_no_text_is_read_as_markup_and_nothing_comes_from_elsewhere() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc"
        r'|setAttribute\("style|https?://(?!www\.w3\.org/2000/svg)'
    )
    for path in FOLDER.rglob("*.*"):
        assert not forbidden.search(path.read_text("utf-8")), path.name
    index = (FOLDER / "index.html").read_text("utf-8")
    assert not re.search(r"<style|<script(?![^>]*src=)| style=| on\w+=", index)


def test_the_server_sends_the_files(client: Any) -> None:
    index = client.get("/")
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in index.headers["content-security-policy"]
    assert "unsafe" not in index.headers["content-security-policy"]
    script = client.get("/page/strings/zh.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "机器人" in script.text
    again = client.get("/page/strings/zh.js", headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (
        client.get("/page/page.css", headers={"Accept-Encoding": "identity"}).content
        == (FOLDER / "page.css").read_bytes()
    )


@pytest.mark.parametrize("name", ["none.js", "../app.py", "%2e%2e/app.py", "", "strings"])
def test_other_files_are_not_sent(client: Any, name: str) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.status_code == 404
    assert answer.json()["error_type"] == "not_found"


def test_the_page_needs_no_key(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    from fsl_nlp.serving.keys import add_key

    add_key(tmp_path / "keys.json", "website", "ask")
    with client_of(saved_bots["shop"], keys=tmp_path / "keys.json") as client:
        assert client.get("/").status_code == 200
        assert client.get("/v1/bots").status_code == 401
