"""The examples of the README and of the documentation run, and print what stands below them.

A page is one run from top to bottom, in an empty folder. Blocks of Python share one namespace; of
shell blocks the lines that begin with `fsl-nlp` run; a block with `title="train.csv"` is written to
that file. A block of `text` right below is what they print: numbers may differ, and a line of three
points stands for any lines. `<!-- not run: reason -->` above a block leaves it out.
"""

from __future__ import annotations

import io
import logging
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from links import ROOT, pages

from fsl_nlp import cli

FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n+)?"
    r"^(?P<indent> *)```(?P<language>\w+)(?P<more>[^\n]*)\n(?P<body>.*?)^(?P=indent)```\n?",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
GENERATED = ROOT / "docs" / "reference" / "methods", ROOT / "docs" / "reference" / "commands.md"


@dataclass(frozen=True)
class Block:
    language: str
    body: str
    file: str | None
    line: int
    expected: str | None = None


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page that do something, with what they should print."""
    fences = list(FENCE.finditer(text))
    for fence, following in zip_longest(fences, fences[1:]):
        title = re.search(r'title="([^"]+)"', fence["more"])
        body = re.sub(rf"^{fence['indent']}", "", fence["body"], flags=re.MULTILINE)
        shown = None
        if following and following["language"] == "text":
            between = text[fence.end() : following.start()]
            shown = following["body"] if not between.strip() else None
        runs = title or fence["language"] in ("python", "sh")
        if runs and not fence["reason"]:
            line = text.count("\n", 0, fence.start("body")) + 1
            yield Block(fence["language"], body, title and title[1], line, shown)


def hand_written() -> list[Path]:
    """The pages with examples, without those that are written from the code."""
    written = [p for p in pages() if not any(p == g or g in p.parents for g in GENERATED)]
    return [page for page in written if any(blocks(page.read_text(encoding="utf-8")))]


@pytest.fixture
def clean_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a command changes in this process is put back."""
    logger, environment = logging.getLogger("fsl_nlp"), dict(os.environ)
    level = logger.level
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fsl-nlp"])
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield
    logger.setLevel(level)
    os.environ.clear()
    os.environ.update(environment)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=str(page.relative_to(ROOT))) for page in hand_written()],
)
@pytest.mark.usefixtures("clean_process")
def test_examples_run(page: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        place = f"{page.relative_to(ROOT)}:{block.line}"
        output = io.StringIO()
        if block.file:
            Path(block.file).write_text(block.body, encoding="utf-8")
        elif block.language == "python":
            with redirect_stdout(output):
                exec(compile("\n" * block.line + block.body, page, "exec"), namespace)
        else:
            for words in commands(block.body):
                with redirect_stdout(output):
                    assert run(words) == 0, f"{place}: {shlex.join(words)} failed"
        if block.expected is not None:
            assert same(output.getvalue(), block.expected), (
                f"{place} prints\n{output.getvalue()}\nand the page says\n{block.expected}"
            )


def commands(body: str) -> Iterator[list[str]]:
    """The words of each line that calls `fsl-nlp`."""
    for line in body.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["fsl-nlp"]:
            assert not {"|", "<", ">"} & set(words), f"needs a shell: {line}"
            yield words[1:]


def run(words: list[str]) -> int:
    sys.argv[:] = ["fsl-nlp", *words]
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def same(printed: str, shown: str) -> bool:
    """Whether two texts are equal but for numbers and spaces; `...` stands for any lines."""

    def lines(text: str) -> list[str]:
        return [" ".join(line.split()) for line in NUMBER.sub("0", text).strip().splitlines()]

    patterns = ["(?:.*\n)*" if line == "..." else re.escape(line) + "\n" for line in lines(shown)]
    return (
        re.fullmatch("".join(patterns), "".join(f"{line}\n" for line in lines(printed))) is not None
    )


def test_a_page_is_taken_apart() -> None:
    text = """
```csv title="a.csv"
text,label
```
<!-- not run: takes an hour -->
```sh
fsl-nlp fit a.csv
```

```sh
pip install x
fsl-nlp predict \\
    my-bot "a b"  # like this
```

```text
 90%  yes
...
```
"""
    first, second = blocks(text)
    assert (first.file, first.body) == ("a.csv", "text,label\n")
    assert list(commands(second.body)) == [["predict", "my-bot", "a b"]]
    assert second.expected is not None
    assert same("8.25% yes\nmore\nlines\n", second.expected)
    assert same("8.25% yes\n", second.expected)
    assert not same("8.25% no\nmore\n", second.expected)
    assert same("first\nlast", "...\nlast")
