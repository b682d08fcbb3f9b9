from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fsl_nlp.cli.fit import parse_options
from fsl_nlp.cli.options import DataDir, Device, OnError, TextColumn
from fsl_nlp.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    @command(app, example="fsl-nlp adapt embedded:multilingual texts.csv --out my-model")
    def adapt(
        run: Run,
        model: Annotated[str, typer.Argument(help="A model's name, a hub id or a folder.")],
        texts: Annotated[
            list[str], typer.Argument(help="Files of texts, or data names. Labels are not read.")
        ],
        out: Annotated[Path, typer.Option(help="Folder to write the adapted model to.")],
        steps: Annotated[int, typer.Option(min=1, help="Steps of training in all.")] = 2000,
        option: Annotated[
            list[str] | None,
            typer.Option(
                help="tune, rank, batch_size, learning_rate, rate, longest, ...: NAME=VALUE. "
                "May be repeated."
            ),
        ] = None,
        stop_after: Annotated[
            int | None, typer.Option(min=1, help="Stop after so many steps, to go on later.")
        ] = None,
        text_column: TextColumn = None,
        on_error: OnError = "raise",
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Train a model on unlabelled texts of your own: it learns to fill in hidden words.

        The result is a model folder for every --encoder option. A run that was stopped goes on
        when the same command is given again.
        """
        from dataclasses import fields

        from fsl_nlp import load_dataset
        from fsl_nlp.errors import OptionError
        from fsl_nlp.pretraining import AdaptSettings
        from fsl_nlp.pretraining import adapt as train
        from fsl_nlp.pretraining.corpus import plain_texts

        options = parse_options(option)
        known = [field.name for field in fields(AdaptSettings) if field.name != "steps"]
        if unknown := [name for name in options if name not in known]:
            raise OptionError(f"There is no option {unknown[0]!r}. There are: {', '.join(known)}.")
        settings = AdaptSettings(steps=steps, **options)
        found: list[str] = []
        for source in texts:
            data = load_dataset(
                source, text=text_column, labelled=False, on_error=on_error, data_dir=data_dir
            )
            found += plain_texts(data.examples)
        result: dict[str, Any] = train(
            model, found, out, settings, seed=run.seed, device=device, stop_after=stop_after
        )

        share, count = result["masked_accuracy"], result["hidden"]
        result |= {
            "accuracy": share,
            "half_width": 1.96 * (share * (1 - share) / count) ** 0.5,
            "interval_over": f"{count:,} hidden pieces",
        }

        def text() -> str:
            first = result["masked_accuracy_before"]
            before = "" if first is None else f", before {first:.1%}"
            done = f"{result['step']} of {result['steps']} steps on {result['texts']} texts"
            where = (
                f"Saved in {out}. Use it: fsl-nlp fit train.csv --encoder {out} --out my-bot"
                if result["step"] == result["steps"]
                else "Give the same command again to go on."
            )
            return (
                f"{done}. Of the hidden words of {result['held_out']} other texts it finds "
                f"{result['masked_accuracy']:.1%}{before}.\n{where}"
            )

        run.show(result, text)
