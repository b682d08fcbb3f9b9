from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fsl_nlp.cli.episodes import Encoder, load_split, method_spec
from fsl_nlp.cli.options import DataDir, Device, From, chosen_method
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError


def add_to(app: typer.Typer) -> None:
    @command(app, example="fsl-nlp curve banking77:test --shots 1,2,5,10 --out curve.png")
    def curve(
        run: Run,
        data: Annotated[str, typer.Argument(help="A data name or a labelled file.")],
        out: Annotated[
            list[Path], typer.Option(help="File to write: .json, .png or .svg. May be repeated.")
        ],
        split: Annotated[str | None, typer.Option(help="Split of the named data.")] = None,
        methods: Annotated[str, typer.Option(help="Methods, with commas.")] = "proto",
        encoder: Encoder = "auto",
        shots: Annotated[str, typer.Option(help="Supports a class, with commas.")] = "1,2,5",
        ways: Annotated[str, typer.Option(help="Classes an episode, with commas.")] = "5",
        query: Annotated[int, typer.Option(help="Queries a class.")] = 5,
        episodes: Annotated[int, typer.Option(help="How many for each point.")] = 1000,
        names: Annotated[
            bool, typer.Option("--names", help="Label names are one more support each.")
        ] = False,
        prepared: From = None,
        inner_steps: Annotated[
            str | None,
            typer.Option(help="Over these numbers of steps instead of shots; with --from."),
        ] = None,
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Draw accuracy over the number of shots, for methods and ways."""
        from fsl_nlp.evaluation.curves import adaptation_curve, check_picture, learning_curve

        for path in out:
            check_picture(path)
        target = load_split(data, split, data_dir)
        options = {"label_names": names, "descriptions": False}
        specs = [
            method_spec(name.strip(), encoder, options, run, device, target)
            for name in methods.split(",")
        ]
        if prepared is not None:
            chosen = chosen_method(prepared, "", encoder, options)
            specs = [method_spec(*chosen, run, device, target)]
        if inner_steps is None:
            drawn = learning_curve(
                specs,
                target,
                shots=_numbers("--shots", shots),
                ways=_numbers("--ways", ways),
                query=query,
                episodes=episodes,
                seed=run.seed,
            )
        elif prepared is None:
            raise OptionError("--inner-steps needs --from, the folder that meta-train wrote.")
        else:
            drawn = adaptation_curve(
                specs[0],
                target,
                steps=_numbers("--inner-steps", inner_steps),
                shots=_numbers("--shots", shots),
                way=_numbers("--ways", ways)[0],
                query=query,
                episodes=episodes,
                seed=run.seed,
            )
        for path in out:
            drawn.save(path)

        def text() -> Any:
            from rich.table import Table

            table = Table(drawn.x, *[str(x) for x, _ in drawn.lines[0].points], box=None)
            for line in drawn.lines:
                table.add_row(line.name, *[str(mean) for _, mean in line.points])
            return table

        run.show({**drawn.to_dict(), "out": [str(path) for path in out]}, text)


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"{option} {text}: write whole numbers with commas, 1,2,5.") from None
