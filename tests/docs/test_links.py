"""Links between pages lead somewhere, and the check sees one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from links import ROOT, anchors, broken_links, pages


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in pages()])
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


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
