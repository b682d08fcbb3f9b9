"""All commands in one application, and what happens to errors."""

from __future__ import annotations

import sys

import typer

from fsl_nlp.cli import data, demo, evaluate, fit, models, predict
from fsl_nlp.cli.run import report_error

app = typer.Typer(
    name="fsl-nlp",
    help="Few-shot text classification: from tens of sentences to a classifier that answers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for module in (demo, fit, predict, evaluate, models, data):
    module.add_to(app)


def run() -> None:
    """What `fsl-nlp` calls. No traceback reaches a user, unless --debug asks for it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app()
    except BrokenPipeError:
        # The reader has gone (`fsl-nlp ... | head`): nobody is left to be told.
        sys.stderr.close()
        sys.exit(1)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        sys.exit(report_error(error, as_json="--json" in sys.argv))
