from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fsl_nlp.cli.options import ClassifierFolder, Device, NoHeader, OnError, TextColumn, shared
from fsl_nlp.cli.run import Run, command

if TYPE_CHECKING:
    from fsl_nlp.editing.suggest import Suggestions


def add_to(app: typer.Typer) -> None:
    """Add the command `suggest`."""

    @command(app, example="fsl-nlp suggest my-bot log.csv")
    def suggest(
        run: Run,
        folder: ClassifierFolder,
        questions: Annotated[
            str | None,
            typer.Argument(
                metavar="LOG", help="Questions: a file (.txt: one a line) or a data name."
            ),
        ] = None,
        log: Annotated[
            str | None,
            shared(
                "--log",
                "In place of a file: what a server rejected, was unsure of, or answered wrongly "
                "as users say.",
                metavar="URL",
            ),
        ] = None,
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

        if (questions is None) == (log is None):
            raise typer.BadParameter("Give a file of questions, or the --log of a server.")
        if log is not None:
            suggestions = _of_server(run, folder, log, number, device)
        else:
            texts = load_unlabelled(
                str(questions), text=text_column, header=not no_header, on_error=on_error
            )
            suggestions = suggest(load_bot(folder, device), texts.examples, number, seed=run.seed)
        run.show(suggestions.to_dict(), lambda: str(suggestions))


def _of_server(run: Run, folder: Path, url: str, number: int, device: str) -> Suggestions:
    """What to label next of the inbox of a bot, which a server knows by the name of its folder."""
    from fsl_nlp.cli.log import open_store
    from fsl_nlp.errors import DataError
    from fsl_nlp.loading import load_bot

    name = folder.resolve().name
    with closing(open_store(url)) as store, store.reading() as connection:
        from fsl_nlp.serving.questions.inbox import inbox, suggestions

        asked = inbox(connection, name)
    if not asked:
        raise DataError(f"The log has no rejected, unsure or wrong answer of the bot {name!r}.")
    return suggestions(load_bot(folder, device), asked, number, seed=run.seed)
