"""Draw the picture of the README and the start page: a real run, as a terminal shows it.

python docs/tools/terminal_picture.py
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parent.parent / "_static" / "predict.svg"
QUESTIONS = ("where is my parcel", "the jacket is too big", "who wrote hamlet")


def main() -> None:
    """Train on the shipped sample, ask, and write the picture."""
    console = Console(record=True, width=100, file=io.StringIO())
    predict = ("predict", "my-bot", *QUESTIONS, "--nearest", "1")
    with tempfile.TemporaryDirectory() as folder:
        run(("fit", "support_en", "--out", "my-bot"), folder)
        console.print(Text("$ ", "green") + Text(typed(predict), "bold"))
        console.print(coloured(run(predict, folder)))  # its empty last row: rich cuts the last one
    svg = console.export_svg(title="fsl-nlp", font_aspect_ratio=0.61, unique_id="run")
    PICTURE.write_text(without_fonts(svg), encoding="utf-8")


def run(words: tuple[str, ...], folder: str) -> str:
    """What a command prints, in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "fsl_nlp", *words],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def typed(words: tuple[str, ...]) -> str:
    """The command as one types it."""
    return " ".join(["fsl-nlp", *(f'"{word}"' if " " in word else word for word in words)])


def coloured(output: str) -> Text:
    """Answers stand out, what explains them stands back."""
    text = Text()
    for line in output.splitlines():
        answer = line[:8].strip().endswith(("%", "--"))
        text.append(
            line + "\n", "bold cyan" if answer else "bright_black" if line[0] == " " else ""
        )
    return text


def without_fonts(svg: str) -> str:
    """The picture with the reader's own fonts: rich's template fetches its from the network."""
    start, end = svg.index("@font-face"), svg.rindex("@font-face")
    end = svg.index("}", end) + 1
    return (svg[:start] + svg[end:]).replace("Fira Code", "ui-monospace")


if __name__ == "__main__":
    main()
