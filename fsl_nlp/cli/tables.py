"""Tables for people. rich is loaded with this module, so commands import it where they print."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.console import Group as RichGroup
from rich.table import Table as RichTable

from fsl_nlp.output import one_line, visible


class Table(RichTable):
    """A table without lines, whose cells are one line each and hold no control characters."""

    def __init__(self, *headers: str, title: str = "", caption: str = "", **options: Any) -> None:
        super().__init__(
            *map(one_line, headers),
            title=visible(title) or None,
            title_justify="left",
            caption=visible(caption) or None,
            caption_justify="left",
            box=None,
            **options,
        )

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row of strings."""
        super().add_row(*map(one_line, cells), **options)


class Group(RichGroup):
    """Strings and tables below each other; strings hold no control characters."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*(visible(part) if isinstance(part, str) else part for part in parts))


def console() -> Console:
    """The console for results; wide and plain where stdout is a file or a pipe."""
    width = None if sys.stdout.isatty() else 120
    # Labels and file names are shown as they are, "[red]" and ":smile:" included.
    return Console(width=width, highlight=False, soft_wrap=True, markup=False, emoji=False)
