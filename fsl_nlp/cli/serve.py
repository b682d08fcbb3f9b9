from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fsl_nlp.cli.run import Run, command, say


def add_to(app: typer.Typer) -> None:
    """Add the command `serve`."""

    @command(app, example="fsl-nlp serve my-bot")
    def serve(
        run: Run,
        folders: Annotated[
            list[Path], typer.Argument(help="Folders that `fsl-nlp fit --out` or `export` wrote.")
        ],
        host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is any.")] = 8000,
    ) -> None:
        """Answer over HTTP, with a page to teach the bots."""
        from fsl_nlp.serving.run import serve
        from fsl_nlp.serving.settings import ServerSettings

        settings = ServerSettings(tuple(folders), host=host, port=port)
        say(f"http://{host}:{port}")
        serve(settings)
