from __future__ import annotations

from typing import Annotated

import typer

from fsl_nlp.cli.options import ClassifierFolder, Device, NoHeader, OnError, TextColumn
from fsl_nlp.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    """Add the command `suggest`."""

    @command(app, example="fsl-nlp suggest my-bot log.csv")
    def suggest(
        run: Run,
        folder: ClassifierFolder,
        log: Annotated[
            str, typer.Argument(help="Questions: a file (.txt: one a line) or a data name.")
        ],
        number: Annotated[int, typer.Option("-n", "--number", min=0, help="Texts to label.")] = 10,
        text_column: TextColumn = None,
        no_header: NoHeader = False,
        on_error: OnError = "raise",
        device: Device = "auto",
    ) -> None:
        """Find the questions of a log to label next, and labels that are missing."""
        from fsl_nlp.data.loading import load_unlabelled
        from fsl_nlp.editing.suggest import suggest
        from fsl_nlp.loading import load_bot

        texts = load_unlabelled(log, text=text_column, header=not no_header, on_error=on_error)
        suggestions = suggest(load_bot(folder, device), texts.examples, number, seed=run.seed)
        run.show(suggestions.to_dict(), lambda: str(suggestions))
