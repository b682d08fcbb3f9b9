from __future__ import annotations

import shlex
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.completion import data_names
from fsl_nlp.cli.options import (
    DataDir,
    Device,
    Encoder,
    Method,
    Option,
    Query,
    chosen_method,
    method_spec,
    parse_options,
    parse_range,
    shared,
)
from fsl_nlp.cli.plans import describe_seconds
from fsl_nlp.cli.run import Run, command, say
from fsl_nlp.errors import OptionError
from fsl_nlp.output import percent

if TYPE_CHECKING:
    from fsl_nlp.meta.settings import MetaSettings
    from fsl_nlp.meta.trainer import Training


def add_to(app: typer.Typer) -> None:
    """Add the command `meta-train`."""

    @command(
        app,
        name="meta-train",
        example="fsl-nlp meta-train clinc150:train --method anil --shot 1 --out my-meta",
    )
    def meta_train(
        run: Run,
        sources: Annotated[
            list[str],
            typer.Argument(
                help="Labelled data to learn from: names or files.", autocompletion=data_names
            ),
        ],
        out: Annotated[Path, shared("--out", "A folder for what is learned.")],
        method: Method = "anil",
        encoder: Encoder = "auto",
        way: Annotated[str, shared("--way", "5-10 draws the number for each step.")] = "5",
        shot: Annotated[str, shared("--shot", "1-5 draws the number for each class.")] = "1",
        query: Query = 5,
        exclude: Annotated[
            list[str] | None,
            typer.Option(
                help="Data whose classes are left out of the sources. May be repeated.",
                autocompletion=data_names,
            ),
        ] = None,
        option: Option = None,
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Train a method on source classes, so that it learns new classes from a few texts."""
        from fsl_nlp import load_dataset
        from fsl_nlp.meta.algorithms import REGISTRY
        from fsl_nlp.meta.folder import load_prepared
        from fsl_nlp.meta.settings import TaskSize
        from fsl_nlp.methods.meta.method import MetaMethod
        from fsl_nlp.splits import drop_shared

        if method not in REGISTRY:
            raise OptionError(f"--method {method} is not meta-trained.{REGISTRY.suggest(method)}")
        method, encoder, options = chosen_method(run, None, method, encoder, parse_options(option))
        data = [load_dataset(name, data_dir=data_dir) for name in sources]
        for name in exclude or []:
            excluded = load_dataset(name, data_dir=data_dir)
            data = [drop_shared(source, excluded) for source in data]
        shape = TaskSize(parse_range("--way", way), parse_range("--shot", shot), query)
        spec = method_spec(method, encoder, options, run, device, data[0])
        started = time.perf_counter()
        built = spec.build()
        assert isinstance(built, MetaMethod)
        settings = built.train
        run.note(
            f"{settings.meta_steps:,} steps of {settings.meta_tasks} tasks, {shape}, from "
            f"{sum(len(source.labels) for source in data):,} classes; "
            "the checks show the time left."
        )
        trained = built.meta_train(
            data,
            shape,
            folder=out,
            on_check=None if run.quiet else partial(_print_check, settings),
            shown_seed=run.seed,
        )
        saved = load_prepared(out)
        result = {
            "out": str(out),
            "method": trained.name,
            "encoder": trained.encoder.name,
            "sources": [
                {"name": source["name"], "classes": len(source["labels"])}
                for source in saved.sources
            ],
            **saved.training,
            "check_tasks": settings.check_tasks,
            "seconds": round(time.perf_counter() - started, 2),
        }
        run.show(result, lambda: _as_text(result))


def _print_check(settings: MetaSettings, training: Training) -> None:
    check = training.checks[-1]
    time_left = ""
    if 0 < training.step < settings.meta_steps:
        seconds = training.seconds / training.step * (settings.meta_steps - training.step)
        time_left = f"; {describe_seconds(seconds)} left at most"
    accuracy = percent(check.accuracy, check.half_width)
    say(f"step {check.step}: {accuracy} on held-out classes{time_left}")


def _as_text(result: dict[str, Any]) -> str:
    summary, out = result["summary"], shlex.quote(result["out"])
    tasks = result["check_tasks"]
    heading = [f"On {tasks} new tasks of the held-out classes:"] if summary["rows"] else []
    lines = [
        f"Learned {result['method']} from "
        + ", ".join(f"{s['name']} ({s['classes']} classes)" for s in result["sources"])
        + f" in {result['seconds']:.0f} s; kept step {result['kept_step']} of {result['steps']}, "
        f"reached after {result['seconds_to_kept_step']:.0f} s.",
        *heading,
        *(f"  {row['name']:24} {percent(row['accuracy'], row['±'])}" for row in summary["rows"]),
        *(f"  {line}" for line in summary["verdicts"]),
    ]
    if result["slowed_tasks"]:
        lines.append(f"  {result['slowed_tasks']} tasks diverged and went on at a lower rate.")
    lines.append(f"Use it: fsl-nlp fit TRAIN --from {out} --out my-bot")
    return "\n".join(lines)
