from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fsl_nlp.cli.episodes import Encoder, Option
from fsl_nlp.cli.fit import parse_options
from fsl_nlp.cli.options import DataDir
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Public benchmarks, whole.")
    app.add_typer(group, name="benchmark")

    @command(group, example="fsl-nlp benchmark fewclue --method pet --encoder embedded:mlm")
    def fewclue(
        run: Run,
        tasks: Annotated[str, typer.Option(help="'all', or names with commas between.")] = "all",
        method: Annotated[
            str, typer.Option(help="zero-shot, prompt, p-tuning, pet, efl, lora, proto, ...")
        ] = "pet",
        encoder: Encoder = "auto",
        splits: Annotated[str, typer.Option(help="0-4, or numbers with commas between.")] = "0-4",
        option: Option = None,
        choose: Annotated[
            list[str] | None,
            typer.Option(help="NAME=[VALUE, VALUE]: dev_i chooses. May be repeated."),
        ] = None,
        patterns: Annotated[
            int | None, typer.Option(min=1, help="Only a task's first so many patterns.")
        ] = None,
        unlabelled: Annotated[
            int | None,
            typer.Option(
                min=0, help="Learn from so many unlabelled texts, too; 2000 with pet, else 0."
            ),
        ] = None,
        limit: Annotated[
            int | None, typer.Option(min=1, help="Only so many test texts, for a quick look.")
        ] = None,
        score: Annotated[
            str, typer.Option(help="'test_public', or 'dev' where that is not at hand.")
        ] = "test_public",
        submit: Annotated[
            Path | None,
            typer.Option(help="Write the leaderboard's files here instead, from the first split."),
        ] = None,
        progress_file: Annotated[
            Path | None, typer.Option(help="A line a split; the same command again goes on.")
        ] = None,
        workers: Annotated[int, typer.Option(min=1, help="Processes on each device.")] = 1,
        device: Annotated[
            str, typer.Option(help="'auto', 'cpu', 'cuda', or several with commas between.")
        ] = "auto",
        data_dir: DataDir = None,
    ) -> None:
        """Learn from train_i, choose on dev_i, score test_public; the mean over i."""
        from fsl_nlp.data.fewclue_submission import TASKS
        from fsl_nlp.evaluation.fewclue import run_fewclue, submit_fewclue
        from fsl_nlp.evaluation.fewclue_task import Plan

        names = list(TASKS) if tasks == "all" else [name.strip() for name in tasks.split(",")]
        numbers = parse_splits(splits)
        if encoder == "auto":
            encoder = default_encoder(method)
        plan = Plan(
            method,
            encoder,
            parse_options(option),
            parse_choices(choose),
            patterns,
            unlabelled,
            limit,
            score,
            run.seed,
        )
        devices = [name.strip() for name in device.split(",")]
        if submit is not None:
            written = submit_fewclue(
                plan, submit, names, numbers[0], data_dir=data_dir, device=devices[0]
            )
            files = [str(path) for path in written]
            run.show({"files": files}, lambda: print("\n".join(files)))
            return
        result = run_fewclue(
            plan,
            names,
            numbers,
            data_dir=data_dir,
            devices=devices,
            workers=workers,
            progress_file=progress_file,
        )
        run.show(result, lambda: as_table(result))


def default_encoder(method: str) -> str:
    """
    >>> default_encoder("pet"), default_encoder("efl"), default_encoder("proto")
    ('embedded:mlm', 'embedded:multilingual', 'embedded:multilingual')
    """
    from fsl_nlp.evaluation.fewclue_task import CLOZES

    return "embedded:mlm" if method in CLOZES else "embedded:multilingual"


def parse_splits(text: str) -> list[int]:
    """
    >>> parse_splits("0-4"), parse_splits("3,1")
    ([0, 1, 2, 3, 4], [3, 1])
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise OptionError(f"--splits {text}: write 0-4, or 0,2.")
        numbers += range(int(first), int(last if dash else first) + 1)
    return numbers


def parse_choices(pairs: list[str] | None) -> dict[str, list[Any]]:
    """
    >>> parse_choices(["epochs=[5, 10]"])
    {'epochs': [5, 10]}
    """
    choices: dict[str, list[Any]] = {}
    for pair in pairs or []:
        name, _, values = pair.partition("=")
        try:
            found = json.loads(values)
        except ValueError:
            found = None
        if not name.isidentifier() or not isinstance(found, list) or not found:
            raise OptionError(f"--choose {pair}: write it as NAME=[VALUE, VALUE], in JSON.")
        choices[name] = found
    return choices


def as_table(result: dict[str, Any]) -> Any:
    from rich.console import Group
    from rich.table import Table

    shown = ("majority", "fine-tuning", "zero-shot", "pet", "p-tuning", "efl", "human")
    title = f"{result['method']} on {result['encoder']}"
    table = Table("task", title, "texts", *shown, box=None)
    for task, found in result["tasks"].items():
        spread = found["deviation"]
        own = f"{found['accuracy']:.1%}" + ("" if spread is None else f" ± {spread:.1%}")
        table.add_row(
            task, own, str(found["count"]), *(f"{found['published'][name]:.1f}" for name in shown)
        )
    if len(result["tasks"]) == 9:
        published = (f"{result['published'][name]:.2f}" for name in shown)
        own = f"{result['accuracy']:.2%}"
        table.add_row("mean", own, "", *published)
    notes = [
        f"Accuracy on {result['scored_on']}, mean and standard deviation over the splits. The "
        "other columns are published, on test_public, with a model of 102 million parameters "
        "(arXiv 2107.07498, Table 3)."
    ]
    if result["partial"]:
        notes.append("Only a part of the test texts was looked at.")
    notes += [f"{task} was left out: {reason}." for task, reason in result["skipped"].items()]
    return Group(table, "", *notes)
