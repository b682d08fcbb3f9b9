from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.completion import encoder_names
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError
from fsl_nlp.output import one_line

if TYPE_CHECKING:
    from fsl_nlp.encoders.catalogue import ModelCard
    from fsl_nlp.encoders.preparing import PreparedFolder


def add_to(app: typer.Typer) -> None:
    """Add the command `models`."""

    @command(app, example="fsl-nlp models --prepare embedded:multilingual")
    def models(
        run: Run,
        names: Annotated[
            list[str] | None,
            typer.Argument(
                help="With --prepare: encoders. Default: the installed ones of the list.",
                autocompletion=encoder_names,
            ),
        ] = None,
        prepare: Annotated[
            bool,
            typer.Option(
                "--prepare",
                help="Make in the cache all that encoders need, for an image or a cache that "
                "cannot be written later.",
            ),
        ] = False,
        int8: Annotated[
            bool,
            typer.Option("--int8", help="Smaller and faster; with --prepare, such graphs too."),
        ] = False,
    ) -> None:
        """List the encoders that have a name, or make them ready."""
        if prepare:
            _prepare(run, names or [], int8=int8)
        elif names or int8:
            raise OptionError("Names of encoders and --int8 are for --prepare.")
        else:
            _show_list(run)


def _prepare(run: Run, names: list[str], *, int8: bool) -> None:
    from dataclasses import asdict

    from fsl_nlp.encoders.preparing import prepare_models
    from fsl_nlp.folders import cache_folder

    folders = list(prepare_models(names, int8=int8))
    result = {"cache": str(cache_folder()), "folders": [asdict(folder) for folder in folders]}
    run.show(result, lambda: _as_lines(folders))


def _as_lines(folders: list[PreparedFolder]) -> str:
    lines = [
        f"{one.bytes / 1e6:6,.0f} MB  {one_line(one.encoder)}, {one.what}\n           {one.folder}"
        for one in folders
    ]
    return "\n".join(["Ready:", *lines])


def _show_list(run: Run) -> None:
    from dataclasses import asdict

    from fsl_nlp.encoders.catalogue import model_cards
    from fsl_nlp.processor import machine

    cards = [{**asdict(card), "installed": card.installed} for card in model_cards()]

    def text() -> Any:
        from fsl_nlp.cli.tables import Group, Table

        table = Table("encoder", "model", "languages", "dimensions", "MB", "installed")
        for card in model_cards():
            table.add_row(
                card.name,
                card.title,
                card.languages,
                str(card.dimensions),
                str(card.megabytes),
                _installed(card),
            )
        return Group(
            table,
            "\nAny Hugging Face hub id or model folder works too, "
            "and 'auto' picks by the script of the texts.",
            "Methods have a list too: fsl-nlp methods",
            f"This machine: {machine()}",
        )

    run.show({"encoders": cards, "machine": machine()}, text)


def _installed(card: ModelCard) -> str:
    from fsl_nlp.encoders.extras import INSTALL_EMBEDDED

    if not card.shipped:
        return "not in this copy"
    return "yes" if card.installed else f"no: {INSTALL_EMBEDDED}"
