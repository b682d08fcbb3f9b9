"""The application with all commands, and its handling of errors."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from fsl_nlp import __version__
from fsl_nlp.cli import (
    adapt,
    benchmark,
    curve,
    data,
    demo,
    episodes,
    evaluate,
    export,
    fit,
    inspect,
    meta,
    methods,
    models,
    predict,
    submit,
)
from fsl_nlp.cli.deprecated import hint_for, with_new_names
from fsl_nlp.cli.run import has_option, report_error

app = typer.Typer(
    name="fsl-nlp",
    help="Few-shot text classification: from tens of sentences to a classifier that answers.",
    no_args_is_help=True,
    rich_markup_mode=None,  # tables of rich cut long option names at 80 columns
    pretty_exceptions_enable=False,
)


def _show_version(show: bool) -> None:
    if show:
        print(f"fsl-nlp {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


for module in (
    demo,
    fit,
    predict,
    evaluate,
    export,
    inspect,
    episodes,
    curve,
    meta,
    submit,
    benchmark,
    adapt,
    methods,
    models,
    data,
):
    module.add_to(app)


def run() -> None:
    """The function behind `fsl-nlp`. Users see a traceback only with --debug."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    words, notes = with_new_names(sys.argv[1:])
    if not (has_option("--quiet") or has_option("-q")):
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
    try:
        app(words)
    except SystemExit as end:
        if end.code == 130:  # typer's answer to Ctrl-C inside a command
            stop = getattr(end.__context__, "__cause__", None)
            print(str(stop or "") or "Stopped.", file=sys.stderr)
        if end.code == 2 and (hint := hint_for(words)):
            print(f"hint: {hint}", file=sys.stderr)
        if end.code == 2 and has_option("--json"):
            print(json.dumps({"error": "The command line is wrong; see the text on stderr."}))
        raise
    except BrokenPipeError:
        # The reader of the pipe has gone (`fsl-nlp ... | head`).
        sys.stderr.close()
        sys.exit(1)
    except KeyboardInterrupt as stop:
        print(str(stop) or "Stopped.", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if has_option("--debug"):
            raise
        sys.exit(report_error(error, as_json=has_option("--json")))
