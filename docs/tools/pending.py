"""What the documentation speaks of and this tree does not have yet.

Pages that are linked before they are written, and commands in examples before they exist. A test
fails where something in it exists. As a Sphinx extension it keeps such links from being errors.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES = ("extend/plugin.md", "extend/public-api.md")
COMMANDS = ("inspect",)


def setup(app: Sphinx) -> dict[str, bool]:
    """Drop the warnings that are about a page of the list."""

    def about_other_pages(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        names = (page.removesuffix(".md").replace("/index", "") for page in PAGES)
        return not any(name.rpartition("/")[2] in message for name in names)

    for handler in logging.getLogger("sphinx").handlers:
        handler.filters.insert(0, about_other_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
