"""What all commands share: their common options, their output, their errors."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from fsl_nlp.errors import FslError

_COMMON = {
    "seed": (
        Annotated[int, typer.Option(min=0, help="Seed; the same seed gives the same result.")],
        0,
    ),
    "json": (
        Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")],
        False,
    ),
    "quiet": (
        Annotated[bool, typer.Option("--quiet", "-q", help="No notes or progress on stderr.")],
        False,
    ),
    "debug": (
        Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
        False,
    ),
}


@dataclass(frozen=True)
class Run:
    """One call of a command: what its common options say, and which options the user gave."""

    seed: int
    json: bool
    quiet: bool = False
    chosen: frozenset[str] = frozenset()  # names of parameters

    def show(self, result: dict[str, Any], text: Callable[[], Any]) -> None:
        """The result on stdout: as JSON, or as `text()` prints or renders it."""
        if self.json:
            print(json.dumps(result, ensure_ascii=False, indent=1))
            return
        rendered = text()
        if rendered is not None:
            console().print(rendered)

    def note(self, text: str) -> None:
        """A note on stderr; none with --quiet."""
        if not self.quiet:
            print(f"note: {text}", file=sys.stderr, flush=True)


def console() -> Any:
    """Where results for people go. Not a terminal: wide and plain, for files and pipes."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 120
    # Labels and file names are shown as they are, "[red]" and ":smile:" included.
    return Console(width=width, highlight=False, soft_wrap=True, markup=False, emoji=False)


def command(app: typer.Typer, *, example: str, name: str | None = None) -> Callable[..., Any]:
    """Register a function whose first parameter is a `Run`; adds the options all commands have."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)

        @functools.wraps(function)
        def call(context: typer.Context, **values: Any) -> None:
            common = {key: values.pop(key) for key in _COMMON}
            _set_up(quiet=common["quiet"])
            sources = {name: context.get_parameter_source(name) for name in values}
            chosen = frozenset(n for n, s in sources.items() if s and s.name == "COMMANDLINE")
            function(Run(common["seed"], common["json"], common["quiet"], chosen), **values)

        context = inspect.Parameter(
            "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )
        added = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, (kind, default) in _COMMON.items()
        ]
        parameters = [context, *list(signature.parameters.values())[1:], *added]
        call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name=name, epilog=f"Example: {example}")(call)
        return function

    return decorate


def was_given(flag: str) -> bool:
    """Whether the command line holds an option; also where it could not be parsed."""
    words = sys.argv[1:]
    return flag in (words[: words.index("--")] if "--" in words else words)


def report_error(error: Exception, *, as_json: bool) -> int:
    """Tell the user, on stderr and in JSON; gives the exit status."""
    if isinstance(error, FslError):
        message = str(error)
    elif isinstance(error, OSError) and error.filename and error.strerror:
        message = f"{error.filename}: {error.strerror}. Check the path, and the rights to it."
    else:
        message = (
            f"Unexpected {type(error).__name__}: {error}. "
            "Run it again with --debug to see where it happened."
        )
    print(f"error: {message}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": message}, ensure_ascii=False))
    return 1


def _set_up(*, quiet: bool) -> None:
    """Notes and warnings to stderr, one line each; none with --quiet."""

    def show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if not quiet and issubclass(category, UserWarning):
            print(f"note: {message}", file=sys.stderr)

    warnings.showwarning = show_warning
    logger = logging.getLogger("fsl_nlp")
    logger.setLevel(logging.ERROR if quiet else logging.WARNING)
    # Read by these libraries when they are imported. They warn of what fsl_nlp says better.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    if quiet:
        os.environ["TQDM_DISABLE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
