"""Pieces of HTML. What is passed as words is escaped; what is passed as html is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["code", "details", "escape", "heading", "inline", "table"]

_CODE = re.compile(r"`([^`]+)`")


def inline(words: str) -> str:
    """Words with `code` between backticks.

    >>> inline("a < b in `x < y`")
    'a &lt; b in <code>x &lt; y</code>'
    """
    return _CODE.sub(r"<code>\1</code>", escape(words))


def heading(name: str, words: str, chinese: str) -> str:
    """A heading of a section, with its Chinese."""
    return (
        f'<h2 id="{escape(name)}">{escape(words)} '
        f'<span class="chinese" lang="zh">{escape(chinese)}</span></h2>'
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are html already; a keyboard can scroll it."""
    head = "".join(f'<th scope="col">{escape(words)}</th>' for words in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="{escape(", ".join(heads))}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def code(words: str, label: str) -> str:
    """Lines of code; a keyboard can scroll them."""
    return f'<pre tabindex="0" role="group" aria-label="{escape(label)}">{escape(words)}</pre>'


def details(summary: str, html: str) -> str:
    """What is shown when its summary is chosen."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"
