"""All commands in one application, and what happens to errors."""

from __future__ import annotations

import json
import sys

import typer

from fsl_nlp.cli import curve, data, demo, episodes, evaluate, fit, models, predict, submit
from fsl_nlp.cli.run import report_error, was_given

app = typer.Typer(
    name="fsl-nlp",
    help="Few-shot text classification: from tens of sentences to a classifier that answers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for module in (demo, fit, predict, evaluate, episodes, curve, submit, models, data):
    module.add_to(app)


def run() -> None:
    """What `fsl-nlp` calls. No traceback reaches a user, unless --debug asks for it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app()
    except SystemExit as end:
        if end.code == 2 and was_given("--json"):
            print(json.dumps({"error": "The command line is wrong; see the text on stderr."}))
        raise
    except BrokenPipeError:
        # The reader has gone (`fsl-nlp ... | head`): nobody is left to be told.
        sys.stderr.close()
        sys.exit(1)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if was_given("--debug"):
            raise
        sys.exit(report_error(error, as_json=was_given("--json")))
