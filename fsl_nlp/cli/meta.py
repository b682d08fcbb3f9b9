from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.episodes import Encoder, Option, method_spec, number_span
from fsl_nlp.cli.fit import parse_options
from fsl_nlp.cli.options import DataDir, Device
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError

if TYPE_CHECKING:
    from fsl_nlp.meta.trainer import Training


def add_to(app: typer.Typer) -> None:
    @command(
        app,
        name="meta-train",
        example="fsl-nlp meta-train clinc150:train --method anil --shot 1 --out my-meta",
    )
    def meta_train(
        run: Run,
        sources: Annotated[
            list[str], typer.Argument(help="Labelled data to learn from: names or files.")
        ],
        out: Annotated[Path, typer.Option(help="Folder for what is learned.")],
        method: Annotated[
            str, typer.Option(help="anil, maml, protomaml, ...; docs/meta.md has them all.")
        ] = "anil",
        encoder: Encoder = "auto",
        way: Annotated[str, typer.Option(help="Classes a task; 5-10 draws them each step.")] = "5",
        shot: Annotated[
            str, typer.Option(help="Supports a class; 1-5 draws them for each class.")
        ] = "1",
        query: Annotated[int, typer.Option(help="Queries a class.")] = 5,
        exclude: Annotated[
            list[str] | None,
            typer.Option(help="Data whose classes are left out of the sources. Repeatable."),
        ] = None,
        option: Option = None,
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Learn from source classes how to learn new ones from a few sentences."""
        from fsl_nlp import load_dataset
        from fsl_nlp.meta.algorithms import algorithm_names
        from fsl_nlp.meta.folder import load_prepared
        from fsl_nlp.meta.settings import Shape
        from fsl_nlp.methods.meta import MetaMethod
        from fsl_nlp.splits import drop_shared

        data = [load_dataset(name, data_dir=data_dir) for name in sources]
        for name in exclude or []:
            kept_out = load_dataset(name, data_dir=data_dir)
            data = [drop_shared(source, kept_out) for source in data]
        shape = Shape(number_span("--way", way), number_span("--shot", shot), query)
        spec = method_spec(method, encoder, parse_options(option), run, device, data[0])
        started = time.perf_counter()
        built = spec.build()
        if not isinstance(built, MetaMethod):
            raise OptionError(
                f"--method {method} is not meta-trained. "
                f"Choose one of {', '.join(algorithm_names())}."
            )
        trained = built.meta_train(data, shape, folder=out, on_check=None if run.quiet else _say)
        found = load_prepared(out)
        result = {
            "out": str(out),
            "method": trained.name,
            "encoder": trained.encoder.name,
            "sources": [
                {"name": source["name"], "classes": len(source["labels"])}
                for source in found.sources
            ],
            **found.training,
            "seconds": round(time.perf_counter() - started, 2),
        }
        run.show(result, lambda: print(_as_text(result)))


def _say(training: Training) -> None:
    check = training.checks[-1]
    print(
        f"step {check.step}: {check.accuracy:.2%} ± {check.half_width:.2%} on held-out classes",
        file=sys.stderr,
    )


def _as_text(result: dict[str, Any]) -> str:
    summary, out = result["summary"], shlex.quote(result["out"])
    lines = [
        f"Learned {result['method']} from "
        + ", ".join(f"{s['name']} ({s['classes']} classes)" for s in result["sources"])
        + f" in {result['seconds']:.0f} s; kept step {result['kept_step']} of {result['steps']}, "
        f"reached after {result['seconds_to_kept_step']:.0f} s.",
        *(f"  {row['name']:24} {row['accuracy']:.2%} ± {row['±']:.2%}" for row in summary["rows"]),
        *(f"  {line}" for line in summary["verdicts"]),
    ]
    if result["slowed_tasks"]:
        lines.append(f"  {result['slowed_tasks']} tasks diverged and went on at a lower rate.")
    lines.append(f"Use it: fsl-nlp fit TRAIN --from {out} --out my-bot")
    return "\n".join(lines)
