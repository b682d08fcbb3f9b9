"""The page: whole, readable without a network, and harmless whatever the texts hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fsl_nlp.linting.projection import project
from fsl_nlp.linting.report import LintReport
from fsl_nlp.linting.run import lint_vectors

from .conftest import Corpus

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<!-- <script>",
    "<img src=x onerror=alert(3)>",
    '" onclick="alert(4)',
    "@@DATA@@ @@HASH@@",
    "a\u2028b\x1b[31m",
    "今天北京会下雨吗？ & <b>明天</b>",
]


class Reader(HTMLParser):
    """Elements with their attributes, and the text of each kind of element."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open, []).append(data)


@pytest.fixture
def report(corpus: Corpus) -> LintReport:
    """Every hostile text is in a finding: it stands twice, with two labels."""
    for text in HOSTILE:
        away = corpus.direction()
        corpus.add_text(text, "a", away)
        corpus.add_text(text, "<i>b</i>", away)
    return lint_vectors(corpus.dataset, corpus.vectors, [False] * len(corpus.texts))


@pytest.fixture
def html(report: LintReport, tmp_path: Path) -> str:
    return report.to_html(tmp_path / "check.html").read_text("utf-8")


@pytest.fixture
def reader(html: str) -> Reader:
    reading = Reader()
    reading.feed(html)
    return reading


def test_nothing_comes_from_elsewhere(html: str, reader: Reader) -> None:
    assert not re.search(r"https?:|//[a-z]|@import|url\(|\bfetch\(|XMLHttp|WebSocket", html)
    for tag, attributes in reader.elements:
        assert not {"src", "href", "srcset", "action", "data"} & attributes.keys(), tag


def test_texts_are_texts(reader: Reader) -> None:
    tags = {tag for tag, _ in reader.elements}
    assert "img" not in tags
    assert sum(tag == "script" for tag, _ in reader.elements) == 2
    for _, attributes in reader.elements:
        assert not any(name.startswith("on") for name in attributes)
    shown = "".join(reader.texts["q"])
    for text in HOSTILE[:5]:
        assert text in shown


def test_only_the_script_of_the_page_may_run(html: str, reader: Reader) -> None:
    policy = next(a["content"] for t, a in reader.elements if a.get("http-equiv"))
    script = html.rsplit("<script>", 1)[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy is not None
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_the_map_has_every_sentence(html: str, report: LintReport) -> None:
    content = html.split('id="data">', 1)[1].split("</script>", 1)[0]
    assert "<" not in content
    data = json.loads(content)
    assert data["labels"] == list(report.labels)
    assert [row[5] for row in data["sentences"]] == [s.text for s in report.sentences]
    assert all(-1 <= x <= 1 and -1 <= y <= 1 for x, y, *_ in data["sentences"])
    assert [data["labels"][row[2]] for row in data["sentences"]] == [
        s.label for s in report.sentences
    ]


def test_every_finding_is_on_the_page(reader: Reader, report: LintReport) -> None:
    shown = "".join(reader.texts["p"])
    assert report.findings
    for finding in report.findings:
        assert finding.summary in shown


def test_a_page_replaces_the_old_one_in_one_step(report: LintReport, tmp_path: Path) -> None:
    path = tmp_path / "check.html"
    path.write_text("old")
    report.to_html(path)
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert [file.name for file in tmp_path.iterdir()] == ["check.html"]


def test_a_map_keeps_neighbours_together(corpus: Corpus) -> None:
    positions = project(corpus.vectors, seed=1)
    middles = positions.reshape(6, 10, 2).mean(1)
    nearest = np.linalg.norm(positions[:, None] - middles[None], axis=-1).argmin(1)
    assert (nearest == np.repeat(np.arange(6), 10)).mean() > 0.9
    assert (project(corpus.vectors, seed=1) == positions).all()


def test_a_map_of_many_texts_places_all(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsl_nlp.linting.projection._LANDMARKS", 40)
    positions = project(corpus.vectors)
    middles = positions.reshape(6, 10, 2).mean(1)
    nearest = np.linalg.norm(positions[:, None] - middles[None], axis=-1).argmin(1)
    assert (nearest == np.repeat(np.arange(6), 10)).mean() > 0.8


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_map_of_few_or_equal_texts(count: int) -> None:
    assert project(np.eye(count, 3, dtype=np.float32)).shape == (count, 2)
    assert np.isfinite(project(np.ones((count, 3), np.float32))).all()
