"""The pages that are written from the code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from generate import commands_page, method_pages, stale, write

from fsl_nlp.heads.options import OptionInfo
from fsl_nlp.methods.info import MethodInfo


def info(
    name: str,
    family: str,
    *options: OptionInfo,
    learns_from: tuple[str, ...] = ("examples", "unlabelled texts"),
    needs: str = "",
) -> MethodInfo:
    return MethodInfo(
        name,
        family,
        summary="Compares with class means.",
        inputs=("text", "pair"),
        learns_from=learns_from,
        needs=needs,
        cost="seconds",
        paper="Snell et al. 2017, arXiv 1703.05175",
        options=options,
        example="fsl-nlp fit train.csv --out my-bot",
    )


INFOS = {
    "proto": info(
        "proto", "frozen", OptionInfo("distance", "text", "cosine", "a|b", ("cosine", "l2"))
    ),
    "ridge": info("ridge", "frozen"),
    "pet": info("pet", "prompted", needs="a masked language model"),
    "zero-shot": info("zero-shot", "prompted", learns_from=("label names",)),
}


def test_a_command_has_its_arguments_options_and_example() -> None:
    small = typer.Typer()

    @small.command(epilog="Example: small a.csv")
    def first(
        file: Annotated[str, typer.Argument(help="A file.")],
        shot: Annotated[list[int], typer.Option(min=1, help="How many. May be | repeated.")] = [1],  # noqa: B006
        seed: Annotated[int, typer.Option(help="Seed.")] = 0,
        old: Annotated[str, typer.Option(hidden=True)] = "",
    ) -> None:
        """Do the first thing."""

    @small.command()
    def second(seed: Annotated[int, typer.Option(help="Seed.")] = 0) -> None:
        """Do the second thing."""

    page = commands_page(small)
    assert "## `fsl-nlp first`\n\nDo the first thing.\n\n```sh\nsmall a.csv\n```" in page
    assert "| `FILE` | A file. |" in page
    assert "| `--shot` | whole number, at least 1; repeatable |" in page
    assert "How many. May be \\| repeated." in page
    assert page.count("--seed") == 1  # what all commands have stands once
    assert "--old" not in page


def test_each_method_has_a_page_and_a_row() -> None:
    pages = method_pages(INFOS, INFOS.__getitem__)
    assert set(pages) == {"index.md", "proto.md", "ridge.md", "pet.md", "zero-shot.md"}
    table = pages["index.md"]
    assert "## Frozen" in table
    assert "## Prompted" in table
    assert "All but `zero-shot` learn from labelled examples" in table
    row = "| [`pet`](pet.md) | Compares with class means. | ✓ |  |  | ✓ |  |  |  |"
    assert f"{row} a masked language model | seconds |" in table
    assert "| `distance` | `cosine`, `l2` | `cosine` | a\\|b |" in pages["proto.md"]
    assert "2017, [arXiv 1703.05175](https://arxiv.org/abs/1703.05175) |" in pages["proto.md"]
    assert "It has none." in pages["ridge.md"]
    assert "| needs | a masked language model |" in pages["pet.md"]


def test_pages_that_differ_are_named(tmp_path: Path) -> None:
    pages = {"commands.md": "a\n", "methods/pet.md": "b\n"}
    write(pages, tmp_path)
    assert stale(pages, tmp_path) == []
    (tmp_path / "methods" / "gone.md").write_text("c\n")
    (tmp_path / "commands.md").write_text("other\n")
    assert stale(pages, tmp_path) == ["methods/gone.md", "commands.md"]
    write(pages, tmp_path)
    assert not (tmp_path / "methods" / "gone.md").exists()
