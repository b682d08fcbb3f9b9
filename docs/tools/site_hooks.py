"""What `mkdocs build` does besides: the list of method pages, and formulas as MathML."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pending import PAGES

METHODS = "reference/methods/"

# What the extension arithmatex makes of `$...$` and `$$...$$`.
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Each page of the methods' folder gets its place in the navigation."""
    config.nav = with_method_pages(config.nav, Path(config.docs_dir))
    return config


def with_method_pages(item: Any, docs: Path) -> Any:
    """The navigation with the pages of a folder where the folder stands."""
    if isinstance(item, dict):
        return {title: with_method_pages(part, docs) for title, part in item.items()}
    if isinstance(item, list):
        return [with_method_pages(part, docs) for part in item]
    if item != METHODS:
        return item
    names = sorted(path.stem for path in (docs / METHODS).glob("*.md") if path.stem != "index")
    return [f"{METHODS}index.md", *({name: f"{METHODS}{name}.md"} for name in names)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Pages that are linked already and not written yet."""
    for page in PAGES:
        if files.get_file_from_path(page) is None:
            files.append(File.generated(config, page, content=f"# {Path(page).stem}\n"))
    return files


def on_page_content(content: str, **_: Any) -> str:
    """Formulas as MathML, which browsers show without a script."""

    def as_mathml(match: re.Match[str]) -> str:
        display = "block" if match[1] == "div" else "inline"
        return str(convert(html.unescape(match[2]), display=display))

    return FORMULA.sub(as_mathml, content)
