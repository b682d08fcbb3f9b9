from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from fsl_nlp.benchmarks import BENCHMARKS, REGISTRY, benchmark_class
from fsl_nlp.cli.options import (
    DataDir,
    Encoder,
    From,
    Method,
    Option,
    chosen_method,
    parse_list,
    parse_number,
    parse_options,
    shared,
)
from fsl_nlp.cli.plans import announce_jobs
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError

if TYPE_CHECKING:
    from fsl_nlp.benchmarks.base import Benchmark

Texts = list[str] | None
_MOST_SPLITS = 1000  # of a span
# Types of a benchmark's settings that need no parser.
_PLAIN = (bool, float, int, int | None, str, str | None)


class _Benchmarks(TyperGroup):
    """The built-in benchmarks, and those of installed packages.

    A package is imported when its own benchmark is used, not when benchmarks are listed.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return REGISTRY.names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        plugin = None if cmd_name in BENCHMARKS else REGISTRY.plugins().get(cmd_name)
        if plugin is None:
            return super().get_command(ctx, cmd_name)
        return TyperCommand(cmd_name, help=f"Offered by {plugin.package}.")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name in BENCHMARKS or name not in REGISTRY:
            return super().resolve_command(ctx, args)
        group = typer.Typer(add_completion=False, rich_markup_mode=None)
        _add_benchmark(group, benchmark_class(name))
        return name, typer.main.get_command(group), args[1:]


def add_to(app: typer.Typer) -> None:
    """Add a command for each benchmark."""
    group = typer.Typer(cls=_Benchmarks, no_args_is_help=True, help="Whole public benchmarks.")
    app.add_typer(group, name="benchmark")
    for name in BENCHMARKS:
        _add_benchmark(group, benchmark_class(name))


def _add_benchmark(group: typer.Typer, benchmark: type[Benchmark]) -> None:
    """Add the command of a benchmark: the shared options and those of its settings."""

    def run_command(
        run: Run,
        task: Annotated[
            Texts, typer.Option(help="'all' or a task. May be repeated, or hold commas.")
        ] = None,
        split: Annotated[Texts, shared("--split", "May be repeated, or hold commas.")] = None,
        method: Method = benchmark.default_method,
        encoder: Encoder = "auto",
        prepared: From = None,
        option: Option = None,
        submit: Annotated[
            Path | None,
            typer.Option(help="Write the leaderboard's files here instead, from the first split."),
        ] = None,
        progress_file: Annotated[
            Path | None, typer.Option(help="Resume from this file; it gets a line for each job.")
        ] = None,
        workers: Annotated[
            int, typer.Option(min=1, max=256, help="Processes that share the work; on each device.")
        ] = 1,
        device: Annotated[
            str, typer.Option(help="Processor: 'auto', 'cpu' or 'cuda'. Commas name several.")
        ] = "auto",
        data_dir: DataDir = None,
        **settings: Any,
    ) -> None:
        from fsl_nlp.benchmarks.run import run_benchmark, submit_benchmark
        from fsl_nlp.cli.benchmark_tables import as_table

        tasks = parse_list(task or ["all"])
        chosen = None if tasks == ["all"] else tasks
        numbers = parse_splits(split)
        method, encoder, options = chosen_method(
            run, prepared, method, encoder, parse_options(option)
        )
        plan = benchmark(method, encoder, options, seed=run.seed, **_parsed(benchmark, settings))
        devices = parse_list([device])
        if submit is not None:
            written = submit_benchmark(
                plan, submit, chosen, numbers, data_dir=data_dir, device=devices[0]
            )
            files = [str(path) for path in written]
            run.show({"files": files}, lambda: "\n".join(files))
            return
        result = run_benchmark(
            plan,
            chosen,
            numbers,
            data_dir=data_dir,
            devices=devices,
            workers=workers,
            progress_file=progress_file,
            on_progress=announce_jobs(run, benchmark.name, progress_file),
        )
        run.show(result, lambda: as_table(plan, result))

    signature = inspect.signature(run_command, eval_str=True)
    common = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    added = [_parameter(benchmark, field) for field in _settings(benchmark)]
    run_command.__signature__ = signature.replace(parameters=[*common, *added])  # type: ignore[attr-defined]
    run_command.__doc__ = (
        f"{inspect.getdoc(benchmark)}\n\nTasks: {', '.join(benchmark.tasks)}. "
        f"Splits: {_list(benchmark.splits)}; default: {_list(benchmark.default_splits)}."
    )
    example = f"fsl-nlp benchmark {benchmark.name} {benchmark.example}"
    command(group, name=benchmark.name, example=example)(run_command)


def _settings(benchmark: type[Benchmark]) -> list[Field[Any]]:
    return [field for field in fields(benchmark) if "help" in field.metadata]


def _parameter(benchmark: type[Benchmark], field: Field[Any]) -> inspect.Parameter:
    """The command-line option of a setting."""
    hint, default = get_type_hints(benchmark)[field.name], field.default
    if hint not in _PLAIN:
        hint, default = Texts, None
    flag = field.metadata["flag"] or f"--{field.name.replace('_', '-')}"
    option = typer.Option(
        flag, min=field.metadata["least"], max=field.metadata["most"], help=field.metadata["help"]
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[hint, option],
    )


def _parsed(benchmark: type[Benchmark], values: dict[str, Any]) -> dict[str, Any]:
    """The settings as the benchmark takes them; those left at their default are left out."""
    parsers = {field.name: field.metadata["parse"] for field in _settings(benchmark)}
    parsed = {name: parsers[name](v) if parsers[name] and v else v for name, v in values.items()}
    return {name: value for name, value in parsed.items() if value is not None}


_MOST_SPLITS = 1000


def parse_splits(names: Sequence[str] | None) -> list[str | int] | None:
    """Names as they are, numbers and spans of numbers as numbers.

    >>> parse_splits(["0-2", "4"]), parse_splits(["val_wiki"])
    ([0, 1, 2, 4], ['val_wiki'])
    """
    if names is None:
        return None
    splits: list[str | int] = []
    for name in parse_list(names):
        first, dash, last = name.partition("-")
        if not first.isdecimal():
            splits.append(name)
            continue
        if dash and not last.isdecimal():
            raise OptionError(f"--split {name}: write 0-4, or 0,2.")
        start = parse_number("--split", first)
        end = parse_number("--split", last) if dash else start
        if not start <= end < start + _MOST_SPLITS:
            raise OptionError(f"--split {name}: write the smaller number first, as in 0-4.")
        splits += range(start, end + 1)
    return splits


def _list(values: Sequence[str | int]) -> str:
    return ", ".join(map(str, values))
