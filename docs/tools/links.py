"""Check that links between the Markdown files of the repository lead somewhere.

    python docs/tools/links.py

Takes a second; `make docs` checks the built site, too.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FENCE = re.compile(r"^ *(```+|~~~+).*?^ *\1`*~* *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r'\]\(<?([^)<>\s]+)>?(?:\s+"[^"]*")?\)|(?:href|src)="([^"]+)"')
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +\{ *#([\w-]+) *\})? *#* *$", re.MULTILINE)
INCLUDE = re.compile(r"^```\{include\} (.+)\n(?::.+\n)*```$", re.MULTILINE)
REMOTE = re.compile(r"^(https?|mailto):")


def to_slug(title: str) -> str:
    """The anchor of a heading, as GitHub makes it.

    >>> to_slug("What's new: 0.2"), to_slug("概念 一")
    ('whats-new-02', '概念-一')
    """
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def pages(root: Path = ROOT) -> list[Path]:
    """The Markdown files that people read."""
    names = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")
    top = [root / name for name in names if (root / name).exists()]
    return [*top, *sorted((root / "docs").rglob("*.md"))]


def read(page: Path) -> str:
    """The text of a page, with what it includes."""
    text = page.read_text(encoding="utf-8")
    return INCLUDE.sub(lambda match: (page.parent / match[1]).read_text(encoding="utf-8"), text)


def anchors(text: str) -> set[str]:
    """The names of the headings of a page; the second of the same name ends in `-1`."""
    names: set[str] = set(re.findall(r'\bid="([^"]+)"', text))
    for title, name in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "")
        slug = base = name or to_slug(plain)
        number = 0
        while slug in names:
            number += 1
            slug = f"{base}-{number}"
        names.add(slug)
    return names


def broken_links(page: Path, root: Path = ROOT) -> Iterator[str]:
    """One message for each link of a page that leads nowhere."""
    text = read(page)
    for match in LINK.finditer(CODE.sub("", FENCE.sub("", text))):
        link = match[1] or match[2]
        if REMOTE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        where = f"{page.relative_to(root)}: ({link})"
        if not target.exists():
            yield f"{where}: there is no such file."
        elif page.is_relative_to(root / "docs") and not target.is_relative_to(root / "docs"):
            yield f"{where}: the site has the folder docs/ alone."
        elif target.is_dir():
            if page.is_relative_to(root / "docs"):
                yield f"{where}: link to a file, not to a folder."
        elif anchor and target.suffix == ".md" and anchor not in anchors(read(target)):
            yield f"{where}: {target.name} has no heading #{anchor}."


def main() -> None:
    """Print each broken link; the exit status is 1 if there is one."""
    broken = [message for page in pages() for message in broken_links(page)]
    print("\n".join(broken) or "All links lead somewhere.")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
