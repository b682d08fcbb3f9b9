"""What all commands share: options, output and errors."""

from __future__ import annotations

import functools
import inspect
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.models import OptionInfo

from fsl_nlp.errors import FslError
from fsl_nlp.output import to_json, visible

INTERRUPTED = 130  # the exit status of shells for Ctrl-C

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
        """Write the result to stdout: as JSON, or what `text()` gives, a string or a renderable."""
        if self.json:
            print(to_json(result, indent=1))
            return
        rendered = text()
        if isinstance(rendered, str):
            print(visible(rendered))
        elif rendered is not None:
            from fsl_nlp.cli.tables import console

            console().print(rendered)

    def note(self, text: str) -> None:
        """A note on stderr; none with --quiet."""
        if not self.quiet:
            say(f"note: {text}")


def say(text: str) -> None:
    """Print on stderr. A stream that takes nothing, such as one on a full disk, stops no work."""
    with suppress(OSError):
        print(visible(text), file=sys.stderr, flush=True)


def command(
    app: typer.Typer, *, example: str, name: str | None = None, hidden: bool = False
) -> Callable[..., Any]:
    """Register a function whose first parameter is a `Run`, with the shared options."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        for parameter in signature.parameters.values():
            _name_value(parameter.annotation)

        @functools.wraps(function)
        def call(context: typer.Context, **values: Any) -> None:
            for parameter in context.command.params:
                _check_number(parameter.opts[0], values.get(parameter.name or ""))
            common = {key: values.pop(key) for key in _COMMON}
            _set_up(quiet=common["quiet"])
            sources = {name: context.get_parameter_source(name) for name in values}
            chosen = frozenset(n for n, s in sources.items() if s and s.name == "COMMANDLINE")
            try:
                function(Run(common["seed"], common["json"], common["quiet"], chosen), **values)
            except KeyboardInterrupt as stop:  # typer would end without a word
                say(str(stop) or "Stopped.")
                raise typer.Exit(INTERRUPTED) from None

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


def _name_value(annotation: Any) -> None:
    """What stands for one value of an option that may be repeated: `<str>`, not `<list[str]>`."""
    kind, *metadata = get_args(annotation) or (None,)
    lists = [part for part in (kind, *get_args(kind)) if get_origin(part) is list]
    for info in metadata:
        if lists and isinstance(info, OptionInfo) and info.metavar is None:
            info.metavar = f"<{get_args(lists[0])[0].__name__.lower()}>"


def _check_number(name: str, value: Any) -> None:
    """Refuse what no library can compute with: no number, infinity, more than 63 bits."""
    if isinstance(value, float) and not math.isfinite(value):
        problem = f"{value} is no finite number."
    elif isinstance(value, int) and abs(value) >= 2**63:
        problem = f"{value} is too large."
    else:
        return
    raise typer.BadParameter(problem, param_hint=name)


def has_option(flag: str) -> bool:
    """Whether the command line holds an option, even if it cannot be parsed."""
    words = sys.argv[1:]
    return flag in (words[: words.index("--")] if "--" in words else words)


def report_error(error: BaseException, *, as_json: bool) -> int:
    """Write the error to stderr, and in JSON to stdout; gives the exit status."""
    if isinstance(error, FslError):
        message = str(error)
    elif isinstance(error, OSError) and error.filename and error.strerror:
        message = f"{error.filename}: {error.strerror}. Check the path, and the rights to it."
    elif isinstance(error, OSError) and error.strerror:
        message = f"Writing failed: {error.strerror}."
    else:
        message = (
            f"Unexpected {type(error).__name__}: {error}. "
            "Run it again with --debug to see where it happened."
        )
    say(f"error: {message}")
    if as_json:
        print(to_json({"error": message}))
    return 1


class _LogLines(logging.Handler):
    """Writes what fsl_nlp logs to stderr, one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def _set_up(*, quiet: bool) -> None:
    """Notes and warnings to stderr, one line each; none with --quiet."""

    shown: set[str] = set()  # the same option may be read several times

    def show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        noted = (
            issubclass(category, (UserWarning, DeprecationWarning)) and str(message) not in shown
        )
        if noted and not quiet:
            shown.add(str(message))
            say(f"note: {message}")

    warnings.showwarning = show_warning
    # Python hides those of libraries; an old option that a user typed must be seen.
    warnings.filterwarnings("default", "The option ", DeprecationWarning)
    logger = logging.getLogger("fsl_nlp")
    logger.setLevel(logging.ERROR if quiet else logging.WARNING)
    if not any(isinstance(handler, _LogLines) for handler in logger.handlers):
        logger.addHandler(_LogLines())
    # These libraries read the variables at import. fsl_nlp has its own messages.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    if quiet:
        os.environ["TQDM_DISABLE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
