"""The check of links between pages sees those that lead nowhere."""

from __future__ import annotations

from pathlib import Path

from links import anchors, broken_links


def test_anchors_are_those_of_github() -> None:
    text = "# `fsl-nlp fit`\n\n## Why?\n\n```sh\n# no heading\n```\n\n## Why?\n\n## 概念\n"
    assert anchors(text) == {"fsl-nlp-fit", "why", "why-1", "概念"}


def test_broken_links_are_named(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "LICENSE").touch()
    (docs / "b.md").write_text("# Title\n")
    page = docs / "a.md"
    page.write_text(
        "[right](b.md#title) [web](https://example.org) `[code](none.md)`\n"
        "[gone](c.md) [no heading](b.md#other) [out](../LICENSE)\n"
    )
    assert list(broken_links(page, tmp_path)) == [
        "docs/a.md: (c.md): there is no such file.",
        "docs/a.md: (b.md#other): b.md has no heading #other.",
        "docs/a.md: (../LICENSE): the site has the folder docs/ alone.",
    ]
