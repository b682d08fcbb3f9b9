from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fsl_nlp.cli.options import (
    DataArgument,
    DataDir,
    Device,
    Encoder,
    From,
    LabelNames,
    Query,
    SkipSmall,
    chosen_method,
    load_split,
    method_spec,
    parse_list,
    parse_number,
    shared,
    skip_small,
)
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError

LIST = "May be repeated, or a list with commas."


def add_to(app: typer.Typer) -> None:
    """Add the command `curve`."""

    @command(app, example="fsl-nlp curve banking77:test --shot 1,2,5,10 --out curve.png")
    def curve(
        run: Run,
        data: DataArgument,
        out: Annotated[list[Path], shared("--out", "A .json, .png or .svg file. May be repeated.")],
        split: Annotated[str | None, shared("--split")] = None,
        method: Annotated[list[str], shared("--method", LIST)] = ["proto"],  # noqa: B006
        encoder: Encoder = "auto",
        shot: Annotated[list[str], shared("--shot", LIST)] = ["1", "2", "5"],  # noqa: B006
        way: Annotated[list[str], shared("--way", LIST)] = ["5"],  # noqa: B006
        query: Query = 5,
        episodes: Annotated[int, shared("--episodes", "For each point.", min=1)] = 1000,
        skip_small_classes: SkipSmall = False,
        label_names: LabelNames = False,
        prepared: From = None,
        inner_steps: Annotated[
            str | None,
            typer.Option(
                help="With --from: draw accuracy over these numbers of steps, with commas."
            ),
        ] = None,
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Draw accuracy over the number of shots, for methods and ways."""
        from fsl_nlp.cli.plans import announce_curve
        from fsl_nlp.episodes import EpisodeTable
        from fsl_nlp.evaluation.curves import adaptation_curve, check_picture, learning_curve
        from fsl_nlp.meta.folder import load_prepared
        from fsl_nlp.methods.info import label_text_options

        for path in out:
            check_picture(path)
        shots, ways = _numbers("--shot", shot), _numbers("--way", way)
        methods = parse_list(method)
        if prepared is not None and "method" not in run.chosen:
            methods = [load_prepared(prepared).method]
        chosen = [
            chosen_method(
                run,
                prepared,
                name,
                encoder,
                label_text_options(name, label_names=label_names, descriptions=False),
            )
            for name in (methods if prepared is None else methods[:1])
        ]
        target = load_split(data, split, data_dir)
        if skip_small_classes:
            target = skip_small(run, target, max(shots) + query)
        specs = [
            method_spec(*choice, run, device, target, note=i == 0)
            for i, choice in enumerate(chosen)
        ]
        if inner_steps is None:
            # A setting that cannot be sampled is refused before the long work.
            EpisodeTable.sample(target, way=max(ways), shot=max(shots), query=query, episodes=1)
            announce_curve(run, specs, len(shots) * len(ways), episodes)
            drawn = learning_curve(
                specs,
                target,
                shots=shots,
                ways=ways,
                query=query,
                episodes=episodes,
                seed=run.seed,
            )
        elif prepared is None:
            raise OptionError("--inner-steps needs --from, the folder that meta-train wrote.")
        else:
            steps = _numbers("--inner-steps", [inner_steps])
            announce_curve(run, specs, len(steps) * len(shots), episodes)
            drawn = adaptation_curve(
                specs[0],
                target,
                steps=steps,
                shots=shots,
                way=ways[0],
                query=query,
                episodes=episodes,
                seed=run.seed,
            )
        for path in out:
            drawn.save(path)

        def text() -> Any:
            from fsl_nlp.cli.tables import Table

            table = Table(drawn.x, *[str(x) for x, _ in drawn.lines[0].points])
            for line in drawn.lines:
                table.add_row(line.name, *[str(mean) for _, mean in line.points])
            return table

        run.show({**drawn.to_dict(), "out": [str(path) for path in out]}, text)


def _numbers(flag: str, values: list[str]) -> list[int]:
    try:
        return [parse_number(flag, part) for part in parse_list(values)]
    except OptionError as error:
        raise OptionError(f"{error} Write whole numbers with commas, 1,2,5.") from None
