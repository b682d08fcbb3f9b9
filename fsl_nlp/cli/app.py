"""The application with all commands, and its handling of errors."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer

from fsl_nlp import __version__
from fsl_nlp.cli import (
    adapt,
    benchmark,
    curve,
    data,
    demo,
    edit,
    episodes,
    evaluate,
    export,
    fit,
    inspect,
    keys,
    lint,
    log,
    meta,
    methods,
    models,
    predict,
    serve,
    streams,
    submit,
    suggest,
)
from fsl_nlp.cli.deprecated import hint_for, with_new_names
from fsl_nlp.cli.run import INTERRUPTED, has_option, report_error, say
from fsl_nlp.output import to_json

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
    lint,
    fit,
    edit,
    predict,
    evaluate,
    serve,
    keys,
    log,
    suggest,
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
    standard = streams.open_missing()  # typer replaces them after a broken pipe
    words, notes = with_new_names(sys.argv[1:])
    if not (has_option("--quiet") or has_option("-q")):
        for note in notes:
            say(f"note: {note}")
    try:
        status = _status(words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the pipe has gone (`fsl-nlp ... | head`)
        status = 1
    except OSError as error:
        with suppress(OSError):
            report_error(error, as_json=has_option("--json"))
        status = 1
    streams.drop_unwritten(*standard)
    sys.exit(status)


def _status(words: list[str]) -> int:
    """Run the command; gives the exit status."""
    try:
        return app(words, standalone_mode=False) or 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except (KeyboardInterrupt, typer.Abort) as error:
        # typer takes the end of a file for the end of a dialogue.
        if isinstance(error.__cause__, EOFError):
            return report_error(error.__cause__, as_json=has_option("--json"))
        say("Stopped.")
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:  # no file: the output itself
            raise
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # typer's: a wrong command line
            return _report_usage(error, words)
        if has_option("--debug"):
            raise
        return report_error(error, as_json=has_option("--json"))


def _report_usage(error: Any, words: list[str]) -> int:
    """Show what is wrong with the command line; gives the exit status."""
    shown = io.StringIO()
    error.show(file=shown)
    say(shown.getvalue().rstrip())
    if hint := hint_for(words):
        say(f"hint: {hint}")
    if has_option("--json"):
        print(to_json({"error": "The command line is wrong; see the text on stderr."}))
    return int(error.exit_code)
