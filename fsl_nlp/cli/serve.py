from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fsl_nlp.cli.options import shared
from fsl_nlp.cli.run import Run, command, has_option, say


def add_to(app: typer.Typer) -> None:
    """Add the command `serve`."""

    @command(app, example="fsl-nlp serve my-bot")
    def serve(
        run: Run,
        folders: Annotated[
            list[Path], typer.Argument(help="Folders that `fsl-nlp fit --out` or `export` wrote.")
        ],
        host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
        port: Annotated[
            int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")
        ] = 8000,
        workers: Annotated[
            int, typer.Option(min=1, max=256, help="Processes that answer, each with all bots.")
        ] = 1,
        threads: Annotated[
            int | None,
            typer.Option(
                min=1,
                help="Batches that each worker computes at once, each on one processor. Without "
                "it the workers share the processors.",
            ),
        ] = None,
        keys: Annotated[
            Path | None,
            typer.Option(
                help="File of API keys, which `fsl-nlp keys add` makes; callers need one."
            ),
        ] = None,
        open_to_all: Annotated[
            bool,
            typer.Option("--open", help="Let other machines ask and teach without keys."),
        ] = False,
        allow_host: Annotated[
            list[str] | None,
            typer.Option(help="Without keys: another name of this machine that requests may use."),
        ] = None,
        allow_origin: Annotated[
            list[str] | None,
            typer.Option(help="A site whose pages may use the server, as https://shop.example.org"),
        ] = None,
        access_log: Annotated[
            bool,
            typer.Option("--access-log", help="A line of JSON on stderr for each request."),
        ] = False,
        log: Annotated[
            str | None,
            shared("--log", "Every question goes into it, without personal data.", metavar="URL"),
        ] = None,
        log_days: Annotated[
            float, typer.Option(min=0, help="Days that the log keeps a question; 0: for ever.")
        ] = 90,
        log_redact: Annotated[
            list[str] | None,
            typer.Option(
                help="Replace more than e-mail addresses, telephone, card and id numbers: "
                "NAME=REGEX, may be repeated. 'none' replaces none of these."
            ),
        ] = None,
        limit: Annotated[
            list[str] | None,
            typer.Option(
                help="Limit as NAME=VALUE; may be repeated. The most important: waiting=1024 "
                "questions that wait, before others are refused; texts=256 in one request; "
                "characters=10000 of one text; body=1048576 bytes of a request; timeout=30 "
                "seconds for an answer; connections=1000 of each worker; grace=30 seconds to "
                "finish when the server stops. A wrong name lists them all."
            ),
        ] = None,
    ) -> None:
        """Answer over HTTP, with a page to teach the bots."""
        from fsl_nlp.serving.run import serve
        from fsl_nlp.serving.settings import ServerSettings, parse_limits

        settings = ServerSettings(
            tuple(folders),
            host=host,
            port=port,
            workers=workers,
            threads=threads,
            keys=keys,
            open=open_to_all,
            allow_hosts=tuple(allow_host or ()),
            allow_origins=tuple(allow_origin or ()),
            access_log=access_log,
            debug=has_option("--debug"),
            log=log,
            log_days=log_days or None,
            log_redact=tuple(log_redact or ()),
            **parse_limits(limit or ()),  # type: ignore[arg-type]  # each of its own type
        )

        def started(address: str) -> None:
            if run.quiet:
                return
            names = ", ".join(folder.absolute().name for folder in folders)
            say(f"{names}: {address} (the page; for programs, see {address}/docs)")
            say("Ctrl-C stops the server.")

        serve(settings, started)
