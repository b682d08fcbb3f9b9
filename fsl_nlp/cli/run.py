"""What all commands share: options, output and errors."""

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
        Annotated[
            int,
            typer.Option(min=0, max=2**32 - 1, help="Seed; the same seed gives the same result."),
        ],
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
    """One call of a command: the values of its shared options, and the options the user set."""

    seed: int
    json: bool
    quiet: bool = False
    chosen: frozenset[str] = frozenset()  # names of parameters

    def show(self, result: dict[str, Any], text: Callable[[], Any]) -> None:
        """Write the result to stdout: as JSON, or as `text()` prints or renders it."""
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
    """The console for results; wide and plain where stdout is a file or a pipe."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 120
    # Labels and file names are shown as they are, "[red]" and ":smile:" included.
    return Console(width=width, highlight=False, soft_wrap=True, markup=False, emoji=False)


def command(
    app: typer.Typer, *, example: str, name: str | None = None, hidden: bool = False
) -> Callable[..., Any]:
    """Register a function whose first parameter is a `Run`, with the shared options."""

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
        app.command(
            name=name,
            hidden=hidden,
            short_help=(inspect.getdoc(function) or "").partition("\n")[0],
            epilog=f"Example: {example}",
        )(call)
        return function

    return decorate


def has_option(flag: str) -> bool:
    """Whether the command line holds an option, even if it cannot be parsed."""
    words = sys.argv[1:]
    return flag in (words[: words.index("--")] if "--" in words else words)


def report_error(error: Exception, *, as_json: bool) -> int:
    """Write the error to stderr, and in JSON to stdout; gives the exit status."""
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

    shown: set[str] = set()  # the same option may be read several times

    def show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        noted = (
            issubclass(category, (UserWarning, DeprecationWarning)) and str(message) not in shown
        )
        if noted and not quiet:
            shown.add(str(message))
            print(f"note: {message}", file=sys.stderr)

    warnings.showwarning = show_warning
    # Python hides those of libraries; an old option that a user typed must be seen.
    warnings.filterwarnings("default", "The option ", DeprecationWarning)
    logger = logging.getLogger("fsl_nlp")
    logger.setLevel(logging.ERROR if quiet else logging.WARNING)
    # These libraries read the variables at import. fsl_nlp has its own messages.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    if quiet:
        os.environ["TQDM_DISABLE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
