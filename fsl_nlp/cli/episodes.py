from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.options import (
    DataArgument,
    DataDir,
    Device,
    Encoder,
    From,
    LabelNames,
    Method,
    Option,
    Query,
    SkipSmall,
    Source,
    chosen_method,
    load_sources,
    load_split,
    method_spec,
    parse_number,
    parse_options,
    parse_range,
    shared,
    skip_small,
)
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError

if TYPE_CHECKING:
    from fsl_nlp.evaluation.result import Comparison, Result
    from fsl_nlp.types import Dataset


def add_to(app: typer.Typer) -> None:
    """Add the command `episodes`."""

    @command(app, example="fsl-nlp episodes fewrel --split val_wiki --way 5 --shot 1")
    def episodes(
        run: Run,
        data: DataArgument,
        split: Annotated[
            str | None,
            typer.Option(help="A split of the named data, or a file in its format."),
        ] = None,
        method: Method = "proto",
        encoder: Encoder = "auto",
        prepared: From = None,
        way: Annotated[str, shared("--way", "'all' takes every class.")] = "5",
        shot: Annotated[str, shared("--shot", "1-5 draws the number for each class.")] = "1",
        query: Query = 5,
        episodes: Annotated[int, shared("--episodes", min=1)] = 1000,
        nota_rate: Annotated[
            float,
            typer.Option(
                "--nota-rate",
                min=0,
                help="Queries of other classes, none of the above: int(rate * query) more.",
            ),
        ] = 0.0,
        imbalance: Annotated[
            int | None, typer.Option(min=1, help="Share queries out unevenly; 1 is very uneven.")
        ] = None,
        skip_small_classes: SkipSmall = False,
        label_names: LabelNames = False,
        label_descriptions: Annotated[
            bool,
            typer.Option(
                "--label-descriptions", help="Each label description is one more support example."
            ),
        ] = False,
        source: Source = None,
        classes: Annotated[
            str | None,
            typer.Option(
                help="TRAIN,TEST: split the classes of the data; train the head on the first part."
            ),
        ] = None,
        exclude_test_classes: Annotated[
            bool,
            typer.Option(
                "--exclude-test-classes", help="Leave the classes under test out of --source."
            ),
        ] = False,
        option: Option = None,
        table: Annotated[
            Path | None, typer.Option(help="File of episodes to use; written if it does not exist.")
        ] = None,
        out: Annotated[Path | None, shared("--out", "A JSON file.")] = None,
        compare: Annotated[
            list[Path] | None,
            typer.Option(help="Result of --out to compare with. May be repeated."),
        ] = None,
        no_batch: Annotated[
            bool, typer.Option("--no-batch", help="Fit one episode at a time, not in batches.")
        ] = False,
        workers: Annotated[
            int,
            typer.Option(
                min=1,
                max=256,
                help="Processes that share the work; where episodes are fitted one at a time: "
                "with --no-batch, or by a method that trains.",
            ),
        ] = 1,
        progress_file: Annotated[
            Path | None,
            typer.Option(
                help="Resume from this file; it gets a line for each episode, where these are "
                "fitted one at a time."
            ),
        ] = None,
        memory: Annotated[
            int | None, typer.Option(min=1, help="Megabytes a batch may take.")
        ] = None,
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Score a method on N-way K-shot episodes."""
        from fsl_nlp.cli.plans import announce_episodes
        from fsl_nlp.episodes import EpisodeTable
        from fsl_nlp.evaluation.evaluator import evaluate
        from fsl_nlp.evaluation.result import Result
        from fsl_nlp.evaluation.result import compare as compare_results
        from fsl_nlp.methods.info import label_text_options

        if exclude_test_classes and not source:
            raise OptionError("--exclude-test-classes leaves classes out of --source. Give both.")
        low, high = parse_range("--shot", shot)
        ways = None if way == "all" else parse_number("--way", way)
        method, encoder, options = chosen_method(
            run, prepared, method, encoder, parse_options(option)
        )
        label_texts = label_text_options(
            method, label_names=label_names, descriptions=label_descriptions
        )
        target = load_split(data, split, data_dir)
        if skip_small_classes:
            target = skip_small(run, target, high + query)
        learned = load_sources(source, data_dir)
        if classes:
            target, learned = _split(target, classes, learned, run.seed)
        if learned and exclude_test_classes:
            from fsl_nlp.splits import drop_shared

            learned = drop_shared(learned, target)
        episode_table = EpisodeTable.load(table) if table and table.exists() else None
        if episode_table is None:
            episode_table = EpisodeTable.sample(
                target,
                way=ways,
                shot=low if low == high else (low, high),
                query=query,
                episodes=episodes,
                seed=run.seed,
                na_rate=nota_rate,
                imbalance=imbalance,
            )
            if table:
                episode_table.save(table)
        episode_table.check(target)
        spec = method_spec(method, encoder, {**label_texts, **options}, run, device, target)
        announce_episodes(
            run,
            spec,
            target,
            episode_table,
            no_batch=no_batch,
            has_source=learned is not None,
            workers=workers,
        )
        result = evaluate(
            spec,
            target,
            episode_table,
            memory=memory * 2**20 if memory else None,
            workers=workers,
            progress_file=progress_file,
            one_by_one=no_batch,
            source=learned,
        )
        if out:
            result.save(out)
        references = [Result.load(path) for path in compare or []]
        if prepared:  # the same encoder without meta-training, for comparison
            plain = method_spec("proto", encoder, label_texts, run, device, target, note=False)
            references.append(evaluate(plain, target, episode_table))
        comparisons = [compare_results(result, reference) for reference in references]
        shown = result.to_dict()
        del shown["episode_accuracy"]
        shown["comparisons"] = [
            {
                "with": c.second,
                "difference": c.difference.value,
                "±": c.difference.half_width,
                "note": c.note,
            }
            for c in comparisons
        ]
        run.show(shown, lambda: result_as_table(result, comparisons))


def _split(
    data: Dataset, classes: str, source: Dataset | None, seed: int
) -> tuple[Dataset, Dataset]:
    from fsl_nlp.splits import split_classes

    counts = classes.split(",")
    if source is not None or len(counts) != 2:
        raise OptionError(
            "--classes takes TRAIN,TEST, for example 50,27. Use either --classes or --source."
        )
    train, test = (parse_number("--classes", count) for count in counts)
    parts = split_classes(data, train=train, validation=0, test=test, seed=seed)
    return parts.test, parts.train


def result_as_table(result: Result, comparisons: list[Comparison]) -> Any:
    """The result as a table for people."""
    from fsl_nlp.cli.tables import Table

    shape = result.episodes
    worst, accuracy = result.worst_class
    rows = [
        (
            "episodes",
            f"{shape['episodes']:,} of {shape['way']}-way {_range(shape['shot'])}-shot, "
            f"{shape['query']} queries a class; seed {shape['seed']}, "
            f"hash {result.episode_hash}",
        ),
        ("accuracy", f"{result.accuracy} ({_interval(result)})"),
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
        slowed = f"{result.diverged_tasks:,}; they were adapted at a lower rate"
        rows.append(("diverged tasks", slowed if result.diverged_tasks else "0"))
    if result.settings.get("transductive"):
        rows.append(("note", f"transductive: {_what_is_read(result)}"))
    rows += [("compared", str(comparison)) for comparison in comparisons]
    encoder = result.settings["encoder"]
    table = Table(
        title=f"{result.method} on {encoder}, {result.dataset}",
        show_header=False,
    )
    for row in rows:
        table.add_row(*row)
    return table


def _what_is_read(result: Result) -> str:
    if result.settings.get("statistics") == "test":
        return "sentences are centred on the supports of all episodes, other queries among them"
    return "the queries of an episode are read together"


def _interval(result: Result) -> str:
    from fsl_nlp.evaluation.result import NO_INTERVAL

    return NO_INTERVAL if result.episodes["episodes"] < 2 else "mean over episodes, 95% interval"


def _range(shot: int | list[int]) -> str:
    return str(shot) if isinstance(shot, int) else "-".join(map(str, shot))
