"""The examples of the README and of the documentation run, and print what stands below them.

A page is one run from top to bottom, in an empty folder. Blocks of Python share one namespace; of
shell blocks the lines that begin with `fsl-nlp` or `curl` run; a block with `title="train.csv"` is
written to that file. A block of `text` or `json` right below is what they print: numbers may
differ, and a line of three points stands for any lines. `<!-- not run: reason -->` above a block
leaves it out.

`fsl-nlp serve` runs in the background, until the next one or the end of the page. On the page it
listens on port 8000, here on a free one.
"""

from __future__ import annotations

import io
import logging
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.request import urlopen

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
        if following and following["language"] in ("text", "json"):
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


class Server:
    """What `fsl-nlp serve` starts in the background."""

    def __init__(self) -> None:
        self.port = 8000
        self._process: subprocess.Popen[str] | None = None

    def start(self, words: list[str]) -> None:
        """Serve on a free port, and wait until the bots answer."""
        self.stop()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        call = "import sys; from fsl_nlp.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", call, *words, "--port", str(self.port)]
        self._process = subprocess.Popen(command, text=True, stderr=subprocess.PIPE)
        until = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self._process.kill()
                raise AssertionError(self._process.communicate()[1])
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        """Stop it as a service manager does."""
        if self._process:
            self._process.terminate()
            self._process.communicate(timeout=60)
            assert self._process.returncode in (0, -signal.SIGTERM)
            self._process = None

    def here(self, text: str) -> str:
        """A text of the page with the port on which the server listens."""
        return text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=str(page.relative_to(ROOT))) for page in hand_written()],
)
@pytest.mark.usefixtures("clean_process")
def test_examples_run(page: Path, server: Server) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        place = f"{page.relative_to(ROOT)}:{block.line}"
        output = io.StringIO()
        if block.file:
            Path(block.file).write_text(block.body, encoding="utf-8")
        elif block.language == "python":
            with redirect_stdout(output):
                exec(compile("\n" * block.line + server.here(block.body), page, "exec"), namespace)
        else:
            for line in commands(block.body):
                with redirect_stdout(output):
                    assert run(line, server) == 0, f"{place}: {line} failed"
        if block.expected is not None:
            assert same(output.getvalue(), block.expected), (
                f"{place} prints\n{output.getvalue()}\nand the page says\n{block.expected}"
            )


def commands(body: str) -> Iterator[str]:
    """The lines that call `fsl-nlp` or `curl`."""
    for line in body.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["fsl-nlp"]:
            assert not {"|", "<", ">"} & set(words), f"needs a shell: {line}"
            yield shlex.join(words)
        elif words[:1] == ["curl"]:
            yield line


def run(line: str, server: Server) -> int:
    """Run a line; its exit status."""
    words = shlex.split(line)
    if words[0] == "curl":
        if not shutil.which("curl"):
            pytest.skip("curl is not installed")
        done = subprocess.run(["sh", "-c", server.here(line)], text=True, stdout=subprocess.PIPE)
        print(done.stdout)
        return done.returncode
    if words[1] == "serve":
        server.start(words[1:])
        return 0
    sys.argv[:] = words
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
    assert list(commands(second.body)) == ["fsl-nlp predict my-bot 'a b'"]
    assert second.expected is not None
    assert same("8.25% yes\nmore\nlines\n", second.expected)
    assert same("8.25% yes\n", second.expected)
    assert not same("8.25% no\nmore\n", second.expected)
    assert same("first\nlast", "...\nlast")
