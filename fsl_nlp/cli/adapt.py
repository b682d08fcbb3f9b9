from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from fsl_nlp.cli.completion import data_names, encoder_names
from fsl_nlp.cli.options import (
    DataDir,
    Device,
    NoHeader,
    OnError,
    TextColumn,
    parse_options,
    shared,
)
from fsl_nlp.cli.plans import describe_seconds
from fsl_nlp.cli.run import Run, command

_MEASURED_STEPS = 5


def add_to(app: typer.Typer) -> None:
    """Add the command `adapt`."""

    @command(app, example="fsl-nlp adapt embedded:multilingual texts.csv --out my-model")
    def adapt(
        run: Run,
        model: Annotated[
            str,
            typer.Argument(
                help="A name that `fsl-nlp models` lists, a hub id or a folder.",
                autocompletion=encoder_names,
            ),
        ],
        texts: Annotated[
            list[str],
            typer.Argument(
                help="Files of texts, or data names. Labels are not read.",
                autocompletion=data_names,
            ),
        ],
        out: Annotated[Path, shared("--out", "A folder for the adapted model.")],
        steps: Annotated[int, typer.Option(min=1, help="Training steps in all.")] = 2000,
        option: Annotated[
            list[str] | None,
            shared("--option", "Such as tune, rank, batch_size, learning_rate, rate, longest."),
        ] = None,
        stop_after: Annotated[
            int | None, typer.Option(min=1, help="Stop after this many steps, to resume later.")
        ] = None,
        text_column: TextColumn = None,
        no_header: NoHeader = False,
        on_error: OnError = "raise",
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Train a model on your own unlabelled texts: it learns to fill in hidden words.

        The result is a model folder that every --encoder takes. The same command resumes a run.
        """
        from fsl_nlp import load_dataset
        from fsl_nlp.data.loading import load_unlabelled
        from fsl_nlp.data.overlap import without_test_texts
        from fsl_nlp.heads.options import check_options, options_of
        from fsl_nlp.intervals import Share
        from fsl_nlp.pretraining import AdaptSettings
        from fsl_nlp.pretraining import adapt as train
        from fsl_nlp.pretraining.corpus import plain_texts

        options = parse_options(option)
        infos = [info for info in options_of(AdaptSettings) if info.name != "steps"]
        check_options("adapt", options, infos)
        settings = AdaptSettings(steps=steps, **options)
        plain: list[str] = []
        for source in texts:
            if len(texts) == 1:
                data = load_dataset(
                    source,
                    text=text_column,
                    header=not no_header,
                    labelled=False,
                    on_error=on_error,
                    data_dir=data_dir,
                )
            else:  # each has its own columns
                data = load_unlabelled(
                    source,
                    text=text_column,
                    header=not no_header,
                    on_error=on_error,
                    data_dir=data_dir,
                )
            data, note = without_test_texts(data, source, data_dir)
            if note:
                run.note(note)
            plain += plain_texts(data.examples)
        run.note(f"{steps:,} steps of {settings.batch_size} texts, of {len(plain):,} in all.")
        result: dict[str, Any] = train(
            model,
            plain,
            out,
            settings,
            seed=run.seed,
            device=device,
            stop_after=stop_after,
            report=_TimeLeft(run, steps, stop_after),
        )

        share, count = result["masked_accuracy"], result["hidden"]
        result |= {
            "accuracy": share,
            "half_width": Share.of(round(share * count), count).half_width,
            "interval_over": f"{count:,} hidden pieces",
        }

        def text() -> str:
            first = result["masked_accuracy_before"]
            before = "" if first is None else f", before {first:.1%}"
            done = f"{result['step']} of {result['steps']} steps on {result['texts']} texts"
            where = (
                f"Saved in {out}. Use it: fsl-nlp fit train.csv --encoder {out} --out my-bot"
                if result["step"] == result["steps"]
                else "The same command continues the run."
            )
            return (
                f"{done}. Accuracy on hidden words of {result['held_out']} held-out texts: "
                f"{result['masked_accuracy']:.1%}{before}.\n{where}"
            )

        run.show(result, text)


class _TimeLeft:
    """Notes the time left, once, after the first steps."""

    def __init__(self, run: Run, steps: int, stop_after: int | None) -> None:
        self.run = run
        self.last = steps
        self.stop_after = stop_after
        self.times: list[float] = []

    def __call__(self, step: dict[str, float]) -> None:
        if len(self.times) > _MEASURED_STEPS:
            return
        self.times.append(time.perf_counter())
        if len(self.times) == 1 and self.stop_after:
            self.last = min(self.last, int(step["step"]) + self.stop_after)
        if len(self.times) > _MEASURED_STEPS:
            step_seconds = (self.times[-1] - self.times[0]) / _MEASURED_STEPS
            self.run.note(
                f"{describe_seconds(step_seconds * (self.last - 1 - step['step']))} left."
            )
