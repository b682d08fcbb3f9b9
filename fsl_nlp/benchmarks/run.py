"""Runs a benchmark: its jobs, the sums of their rows, and the published results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from fsl_nlp.benchmarks.base import Benchmark, DataDir, Job, Row
from fsl_nlp.data.catalogue import REGISTRY, Entry, find_split, root_of
from fsl_nlp.errors import OptionError

if TYPE_CHECKING:
    from fsl_nlp.evaluation.jobs import OnProgress


def run_benchmark(
    benchmark: Benchmark,
    tasks: Sequence[str] | None = None,
    splits: Sequence[str | int] | None = None,
    *,
    data_dir: DataDir = None,
    devices: Sequence[str] = ("auto",),
    workers: int = 1,
    progress_file: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Accuracy of each task with its 95% interval, ready for JSON.

    The default is all tasks and the usual splits. `progress_file` gets a line for each job; the
    same call continues after the last line. Each device runs `workers` processes. A task that the
    method cannot do, or that has no file in the data folder, is listed under "skipped".
    `on_progress` is that of `evaluation.jobs.run_jobs`.
    """
    from fsl_nlp.evaluation.jobs import ProgressFile, check_workers, run_jobs
    from fsl_nlp.evaluation.result import versions

    check_workers(workers)
    tasks, splits = _check(benchmark, tasks, splits)
    skipped: dict[str, str] = {}
    jobs: list[Job] = []
    for job in benchmark.jobs(tasks, splits):
        if reason := _skip_reason(benchmark, job, data_dir):
            skipped[benchmark.title(job)] = reason
        else:
            jobs.append(job)
    if not jobs:
        raise OptionError("; ".join(f"{task}: {reason}" for task, reason in skipped.items()) + ".")
    rows = run_jobs(
        jobs,
        _run,
        lambda job: (benchmark, job, data_dir),
        title=benchmark.name,
        devices=[device for device in devices for _ in range(workers)],
        progress_file=ProgressFile(Path(progress_file), benchmark.header(), benchmark.key)
        if progress_file
        else None,
        on_progress=on_progress,
    )
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(benchmark.title(job), []).append(job)
    summaries = {
        title: _summary(benchmark, group[0], [rows[job] for job in group])
        for title, group in groups.items()
    }
    settings = benchmark.settings()
    partial = any(summary["sample_of"] for summary in summaries.values())
    return {
        "benchmark": benchmark.name,
        **settings,
        "partial": partial,
        "headings": {figure.key: figure.heading for figure in benchmark.figures},
        "tasks": summaries,
        "skipped": skipped,
        **_overall(list(summaries.values())),
        "interval_over": next(iter(summaries.values()))["interval_over"],
        "published": {
            system.name: mean(system.scores.values())
            for system in benchmark.published
            if set(benchmark.tasks) == set(system.scores) and not partial
        },
        "versions": versions(),
    }


def submit_benchmark(
    benchmark: Benchmark,
    folder: str | Path,
    tasks: Sequence[str] | None = None,
    splits: Sequence[str | int] | None = None,
    *,
    data_dir: DataDir = None,
    device: str = "auto",
) -> list[Path]:
    """Write the files for the leaderboard and their zip; the first split is learned from."""
    from fsl_nlp.data.fewrel_submission import zip_predictions

    tasks, splits = _check(benchmark, tasks, splits)
    for job in benchmark.jobs(tasks, splits[:1]):
        if reason := benchmark.unsupported_reason(job):
            raise OptionError(f"{benchmark.method!r} cannot answer {job.task}: {reason}.")
    written = benchmark.write_submission(Path(folder), tasks, splits[0], data_dir, device)
    return [*written, zip_predictions(Path(folder) / "submission.zip", written)]


def _run(device: str, benchmark: Benchmark, job: Job, data_dir: DataDir) -> Row:
    row = {"task": job.task, "split": job.split, "seed": job.seed}
    return {**row, **benchmark.run(job, data_dir, device)}


def _check(
    benchmark: Benchmark, tasks: Sequence[str] | None, splits: Sequence[str | int] | None
) -> tuple[Sequence[str], Sequence[str | int]]:
    """The tasks and splits, by default the usual ones; refuses unknown and repeated ones."""
    tasks = benchmark.tasks if tasks is None else tasks
    splits = benchmark.default_splits if splits is None else splits
    for task in tasks:
        benchmark.check_task(task)
    if not tasks or not splits or not set(splits) <= set(benchmark.splits):
        raise OptionError(
            f"splits={list(splits)}: {benchmark.name} has the splits "
            f"{', '.join(map(str, benchmark.splits))}."
        )
    if len(set(splits)) != len(splits) or len(set(tasks)) != len(tasks):
        raise OptionError("Name each task and each split once.")
    return tasks, splits


def _skip_reason(benchmark: Benchmark, job: Job, data_dir: DataDir) -> str | None:
    """Why a job is left out: the method cannot do the task, or the test file is not there."""
    if reason := benchmark.unsupported_reason(job):
        return reason
    name, _, split = benchmark.test_data(job).partition(":")
    entry: Entry | None = REGISTRY.load(name) if name in REGISTRY else None
    if entry is None:  # of another package, which reads it
        return None
    root = root_of(entry, data_dir)
    if root is None:
        find_split(f"{name}:{split}", data_dir)  # raises: no data folder is set
    elif not (root / entry.splits[split]).is_file():
        return f"there is no {entry.splits[split]} in the data folder"
    return None


def _summary(benchmark: Benchmark, job: Job, rows: Sequence[Row]) -> dict[str, Any]:
    """The row of the table that `job` belongs to; only published numbers are in percent.

    The interval is Student's t over the runs. One run, or runs with equal accuracies, have no
    such interval; then it is the interval of the first run, if that has one. Published results are
    of whole test files, so a sample has none beside it.
    """
    accuracy = _mean([{**row, "value": row["accuracy"]} for row in rows])
    over = rows[0].get("interval_over", _runs(benchmark, rows))
    sample_of = rows[0].get("sample_of")
    key = "" if sample_of else benchmark.published_key(job)
    return {
        "accuracy": accuracy["value"],
        "deviation": accuracy["deviation"],
        "half_width": accuracy["half_width"],
        "interval": accuracy["interval"],
        "interval_over": _runs(benchmark, rows) if accuracy["deviation"] else over,
        **_figures(benchmark, key, rows),
        "count": rows[0]["count"],
        "sample_of": sample_of,
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "splits": list(rows),
        "published": {
            system.name: system.scores[key]
            for system in benchmark.published
            if key in system.scores
        },
    }


def _figures(benchmark: Benchmark, key: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The figures beside the accuracy, and those of other systems; {} if the rows have none."""
    if "figures" not in rows[0]:
        return {}
    compared = [row.get("compared", {}) for row in rows]
    return {
        "figures": _means([row["figures"] for row in rows]),
        "compared": {name: _means([each[name] for each in compared]) for name in compared[0]},
        "published_figures": {
            system.name: dict(system.figures[key])
            for system in benchmark.published
            if key in system.figures
        },
    }


def _means(runs: Sequence[Row]) -> dict[str, Any]:
    return {key: _mean([run[key] for run in runs]) for key in runs[0]}


def _mean(runs: Sequence[Row]) -> dict[str, Any]:
    """The mean of the runs' values, with Student's t interval over them.

    Where that does not exist it is the interval of the first run. A value that a run does not have
    leaves no mean.
    """
    values = [run["value"] for run in runs]
    if None in values:
        return {"value": None, "deviation": None, "half_width": None, "interval": None}
    deviation = stdev(values) if len(values) > 1 else None
    half_width, interval = runs[0].get("half_width"), runs[0].get("interval")
    if deviation:
        from fsl_nlp.intervals import half_width_of_mean

        half_width, interval = half_width_of_mean(deviation, len(values)), None
    return {
        "value": mean(values),
        "deviation": deviation,
        "half_width": half_width,
        "interval": interval,
    }


def _runs(benchmark: Benchmark, rows: Sequence[Row]) -> str:
    noun = benchmark.repeats if len(rows) > 1 else benchmark.repeats.removesuffix("s")
    return f"{len(rows)} {noun}"


def _overall(tasks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean over tasks; their runs are independent, and so are their errors."""
    widths = [task["half_width"] for task in tasks]
    half_width = None if None in widths else sum(w**2 for w in widths) ** 0.5 / len(tasks)
    return {"accuracy": mean(task["accuracy"] for task in tasks), "half_width": half_width}
