from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from fsl_nlp.cli.run import Run, command

if TYPE_CHECKING:
    from fsl_nlp.encoders.catalogue import ModelCard


def add_to(app: typer.Typer) -> None:
    """Add the command `models`."""

    @command(app, example="fsl-nlp models")
    def models(run: Run) -> None:
        """List the encoders that have a name."""
        from dataclasses import asdict

        from fsl_nlp.encoders.catalogue import model_cards
        from fsl_nlp.processor import machine

        cards = [{**asdict(card), "installed": card.installed} for card in model_cards()]
        result = {"encoders": cards, "machine": machine()}

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

        run.show(result, text)


def _installed(card: ModelCard) -> str:
    from fsl_nlp.encoders.extras import INSTALL_EMBEDDED

    if not card.shipped:
        return "not in this copy"
    return "yes" if card.installed else f"no: {INSTALL_EMBEDDED}"
