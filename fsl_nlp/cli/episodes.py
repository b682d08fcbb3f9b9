from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.fit import parse_options
from fsl_nlp.cli.options import DataDir, Device, From, chosen_method
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError

if TYPE_CHECKING:
    from fsl_nlp.evaluation.result import Comparison, Result
    from fsl_nlp.types import Dataset

Method = Annotated[str, typer.Option(help="A method; `fsl-nlp models` lists them.")]
Encoder = Annotated[str, typer.Option(help="A model's name, a hub id or a folder.")]
Option = Annotated[
    list[str] | None, typer.Option(help="Option of the method, NAME=VALUE. May be repeated.")
]
Source = Annotated[
    list[str] | None,
    typer.Option(help="Data to train the head on first, for learned heads. May be repeated."),
]


def add_to(app: typer.Typer) -> None:
    @command(app, example="fsl-nlp episodes fewrel --split val_wiki --way 5 --shot 1")
    def episodes(
        run: Run,
        data: Annotated[str, typer.Argument(help="A data name or a labelled file.")],
        split: Annotated[
            str | None, typer.Option(help="Split of the named data, or a file in its format.")
        ] = None,
        method: Method = "proto",
        encoder: Encoder = "auto",
        prepared: From = None,
        way: Annotated[str, typer.Option(help="Classes an episode, or 'all'.")] = "5",
        shot: Annotated[
            str, typer.Option(help="Supports a class; 1-5 draws their number for each class.")
        ] = "1",
        query: Annotated[int, typer.Option(help="Queries a class.")] = 5,
        episodes: Annotated[int, typer.Option(help="How many.")] = 1000,
        na_rate: Annotated[
            float, typer.Option(help="None-of-the-above queries: int(na_rate * query) more.")
        ] = 0.0,
        imbalance: Annotated[
            int | None, typer.Option(help="Share queries out unevenly; 1 is very uneven.")
        ] = None,
        names: Annotated[
            bool, typer.Option("--names", help="Label names are one more support each.")
        ] = False,
        descriptions: Annotated[
            bool, typer.Option("--descriptions", help="Label descriptions likewise.")
        ] = False,
        source: Source = None,
        classes: Annotated[
            str | None,
            typer.Option(
                help="TRAIN,TEST: split the data's classes; train the head on the first part."
            ),
        ] = None,
        drop_shared: Annotated[
            bool, typer.Option("--drop-shared", help="Leave classes under test out of the source.")
        ] = False,
        option: Option = None,
        table: Annotated[
            Path | None, typer.Option(help="Episodes to use; written if it does not exist.")
        ] = None,
        save: Annotated[Path | None, typer.Option(help="Write the result as JSON.")] = None,
        compare: Annotated[
            list[Path] | None, typer.Option(help="A saved result to compare with. Repeatable.")
        ] = None,
        one_by_one: Annotated[
            bool, typer.Option("--one-by-one", help="Fit task by task, as untabled methods do.")
        ] = False,
        workers: Annotated[int, typer.Option(help="Processes, for task-by-task methods.")] = 1,
        progress_file: Annotated[
            Path | None, typer.Option(help="Task-by-task runs go on from this file.")
        ] = None,
        memory: Annotated[int | None, typer.Option(help="Megabytes a batch may take.")] = None,
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Score a method on N-way K-shot episodes."""
        from fsl_nlp.episodes import EpisodeTable
        from fsl_nlp.evaluation.evaluator import evaluate
        from fsl_nlp.evaluation.result import Result
        from fsl_nlp.evaluation.result import compare as compare_results

        target = load_split(data, split, data_dir)
        learned = load_sources(source, data_dir)
        if classes:
            target, learned = _split(target, classes, learned, run.seed)
        if learned and drop_shared:
            from fsl_nlp.splits import drop_shared as without_shared

            learned = without_shared(learned, target)
        episode_table = EpisodeTable.load(table) if table and table.exists() else None
        if episode_table is None:
            episode_table = EpisodeTable.sample(
                target,
                way=None if way == "all" else _number("--way", way),
                shot=_shots(shot),
                query=query,
                episodes=episodes,
                seed=run.seed,
                na_rate=na_rate,
                imbalance=imbalance,
            )
            if table:
                episode_table.save(table)
        evidence = {"label_names": names, "descriptions": descriptions}
        method, encoder, options = chosen_method(prepared, method, encoder, parse_options(option))
        result = evaluate(
            method_spec(method, encoder, {**evidence, **options}, run, device, target),
            target,
            episode_table,
            memory=memory * 2**20 if memory else None,
            workers=workers,
            progress_file=progress_file,
            one_by_one=one_by_one,
            source=learned,
        )
        if save:
            result.save(save)
        others = [Result.load(path) for path in compare or []]
        if prepared:  # was it worth it? The same encoder without meta-training
            plain = method_spec("proto", encoder, evidence, run, device, target)
            others.append(evaluate(plain, target, episode_table))
        comparisons = [compare_results(result, other) for other in others]
        shown = result.to_dict()
        del shown["episode_accuracy"]
        shown["comparisons"] = [
            {"with": c.second, "difference": c.difference.value, "±": c.difference.half_width}
            for c in comparisons
        ]
        run.show(shown, lambda: result_as_table(result, comparisons))


def load_split(data: str, split: str | None, data_dir: Path | None) -> Dataset:
    from fsl_nlp import load_dataset

    if split is not None and Path(split).exists():
        return load_dataset(split, data_dir=data_dir)
    return load_dataset(f"{data}:{split}" if split else data, data_dir=data_dir)


def load_sources(names: list[str] | None, data_dir: Path | None) -> Dataset | None:
    """Several sources become one, each label once."""
    from fsl_nlp import Dataset, load_dataset

    if not names:
        return None
    parts = [load_dataset(name, data_dir=data_dir) for name in names]
    info = {label: known for part in parts for label, known in part.info.items()}
    examples = [example for part in parts for example in part]
    return Dataset.from_examples(examples, info=info, name=" + ".join(names))


def method_spec(
    name: str, encoder: str, options: dict[str, Any], run: Run, device: str, data: Dataset
) -> Any:
    from fsl_nlp.encoders.catalogue import auto_model
    from fsl_nlp.evaluation.method_spec import MethodSpec

    chosen = auto_model(data.texts) if encoder == "auto" else encoder
    return MethodSpec(name, chosen, options, run.seed, device)


def _split(
    data: Dataset, classes: str, source: Dataset | None, seed: int
) -> tuple[Dataset, Dataset]:
    from fsl_nlp.splits import split_classes

    counts = classes.split(",")
    if source is not None or len(counts) != 2:
        raise OptionError(
            "--classes takes TRAIN,TEST, for example 50,27, and stands instead of --source."
        )
    train, test = (_number("--classes", count) for count in counts)
    parts = split_classes(data, train=train, validation=0, test=test, seed=seed)
    return parts.test, parts.train


def _shots(text: str) -> int | tuple[int, int]:
    low, high = number_span("--shot", text)
    return low if low == high else (low, high)


def number_span(option: str, text: str) -> tuple[int, int]:
    """ "5" is (5, 5) and "1-5" is (1, 5)."""
    low, dash, high = text.partition("-")
    return _number(option, low), _number(option, high if dash else low)


def _number(option: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise OptionError(f"{option} {text}: must be a whole number.")
    return int(text)


def result_as_table(result: Result, comparisons: list[Comparison]) -> Any:
    from rich.table import Table

    shape = result.episodes
    worst, accuracy = result.worst_class
    rows = [
        (
            "episodes",
            f"{shape['episodes']:,} of {shape['way']} ways, {shape['shot']} shots, "
            f"{shape['query']} queries a class; seed {shape['seed']}, "
            f"hash {result.episode_hash}",
        ),
        ("accuracy", f"{result.accuracy} (mean over episodes, 95% interval)"),
        ("macro-F1", f"{result.macro_f1:.2%}"),
        ("worst class", f"{worst}: {accuracy:.2%}"),
        ("seconds", f"{result.encode_seconds:.2f} to encode, {result.score_seconds:.2f} to score"),
    ]
    none = result.none_of_the_above
    if none:
        rows.insert(
            2,
            (
                "none of the above",
                f"precision {none.precision:.2%}, recall {none.recall:.2%}, F1 {none.f1:.2%}",
            ),
        )
    if result.diverged_tasks is not None:
        slowed = f"{result.diverged_tasks:,} tasks, and were adapted at a lower rate"
        rows.append(("diverged", slowed if result.diverged_tasks else "no task"))
    if result.settings.get("transductive"):
        rows.append(("note", "transductive: the queries of an episode are looked at together"))
    rows += [("compared", str(comparison)) for comparison in comparisons]
    encoder = result.settings["encoder"]
    table = Table(
        title=f"{result.method} on {encoder}, {result.dataset}",
        title_justify="left",
        box=None,
        show_header=False,
    )
    for row in rows:
        table.add_row(*row)
    return table
