"""The result of a benchmark as tables for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fsl_nlp.cli.tables import Group, Table
from fsl_nlp.output import percent

if TYPE_CHECKING:
    from fsl_nlp.benchmarks.base import Benchmark, Figure, Published

Rows = Mapping[str, dict[str, Any]]

_FEW_RUNS = 5  # with fewer, Student's t is well above its limit


def as_table(benchmark: Benchmark, result: dict[str, Any]) -> Group:
    """The result beside the published systems, and what it means."""
    rows: Rows = result["tasks"]
    ranked = {
        key for row in rows.values() for each in row.get("compared", {}).values() for key in each
    }
    figures = [figure for figure in benchmark.figures if figure.key not in ranked]
    compared = [figure for figure in benchmark.figures if figure.key in ranked]
    parts: list[Any] = [_accuracies(benchmark, result, figures), ""]
    if compared:
        parts += [_comparison(benchmark, rows, compared), ""]
    protocol = benchmark.protocol.format(**result)
    notes = [re.sub(r"\b1 (\w+)s\b", r"1 \1", protocol) + _interval(benchmark, rows.values())]
    if result["partial"]:
        notes.append(
            "A sample of the test texts was scored (--limit), each label in its proportion, drawn "
            f"with seed {result['seed']}. Published results are of whole files: none is beside it."
        )
    notes += _left_out(rows)
    if any(run.get("transductive") for row in rows.values() for run in row["splits"]):
        notes.append("Transductive: an answer depends on other texts of the test.")
    notes += [f"{figure.heading} {figure.meaning}." for figure in (*figures, *compared)]
    notes += [f"{task} was left out: {reason}." for task, reason in result["skipped"].items()]
    notes += _sources(_systems(benchmark, rows))
    return Group(*parts, *notes)


def _accuracies(benchmark: Benchmark, result: dict[str, Any], figures: Sequence[Figure]) -> Table:
    rows, means = result["tasks"], result["published"]
    names = [
        s.name for s in benchmark.published if any(s.name in r["published"] for r in rows.values())
    ]
    encoders = {
        run.get("encoder", benchmark.encoder): 0 for r in rows.values() for run in r["splits"]
    }
    table = Table(
        "task",
        "accuracy",
        *(figure.heading for figure in figures),
        benchmark.unit,
        "seconds",
        *names,
        title=f"{benchmark.name}: {result['method']} on {', '.join(encoders)}",
    )
    for column in table.columns[:2]:
        column.no_wrap = True
    for task, row in rows.items():
        table.add_row(
            task,
            percent(row["accuracy"], row["half_width"], interval=row["interval"]),
            *_cells(figures, row.get("figures", {})),
            _count(row),
            f"{row['seconds']:,.1f}",
            *(_score(row["published"].get(name)) for name in names),
        )
    if means and len(rows) == len(benchmark.tasks):
        accuracy = percent(result["accuracy"], result["half_width"])
        blanks = [""] * (len(figures) + 2)
        table.add_row("mean", accuracy, *blanks, *(_score(means.get(name)) for name in names))
    return table


def _left_out(rows: Rows) -> list[str]:
    """A line for each task whose unlabelled file holds texts of the test."""
    lines = []
    for task, row in rows.items():
        if count := max(run.get("left_out", 0) for run in row["splits"]):
            texts = "1 unlabelled text stands" if count == 1 else f"{count} unlabelled texts stand"
            lines.append(f"{task}: {texts} in the test too, and nothing was learned from there.")
    return lines


def _count(row: Mapping[str, Any]) -> str:
    count = f"{row['count']:,}"
    return f"a sample of {count}, of {row['sample_of']:,}" if row["sample_of"] else count


def _comparison(benchmark: Benchmark, rows: Rows, figures: Sequence[Figure]) -> Table:
    """The figures that other ways to do the same have too, a row for each of them."""
    table = Table("task", "score", *(figure.heading for figure in figures))
    for column in table.columns[:2]:
        column.no_wrap = True
    for task, row in rows.items():
        table.add_row(task, benchmark.compared_as, *_cells(figures, row["figures"]))
        for name, values in row["compared"].items():
            table.add_row("", name, *_cells(figures, values))
        for name, scores in row["published_figures"].items():
            table.add_row("", name, *(_score(scores.get(figure.key)) for figure in figures))
    return table


def _cells(figures: Sequence[Figure], values: Mapping[str, Any]) -> list[str]:
    """The value of each figure with its interval; "-" for one that does not exist."""
    cells = [values.get(figure.key, {}) for figure in figures]
    return [
        "-"
        if cell.get("value") is None
        else percent(cell["value"], cell["half_width"], 1, interval=cell.get("interval"))
        for cell in cells
    ]


def _systems(benchmark: Benchmark, rows: Rows) -> list[Published]:
    """The published systems that the tables show."""
    shown = {n for r in rows.values() for n in (*r["published"], *r.get("published_figures", {}))}
    return [system for system in benchmark.published if system.name in shown]


def _interval(benchmark: Benchmark, rows: Iterable[dict[str, Any]]) -> str:
    """The sentence that says what the intervals are over; "" without any."""
    phrases = [_interval_over(benchmark, row) for row in rows if row["half_width"] is not None]
    each = dict.fromkeys(phrases)
    return f" ± is the 95% interval {' or '.join(each)}." if each else ""


def _interval_over(benchmark: Benchmark, row: dict[str, Any]) -> str:
    count, over = len(row["splits"]), row["interval_over"]
    if over == f"{count} {benchmark.repeats}":
        few = " (Student's t); with so few it is wide" if count < _FEW_RUNS else ""
        return f"over {over}{few}"
    if not over.endswith("test texts"):
        return f"over {over}"
    return f"over the {over} (one {benchmark.repeats.removesuffix('s')})"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _sources(systems: Sequence[Published]) -> list[str]:
    """A line for each source of published results, with the systems that it reports."""
    lines: dict[str, list[str]] = {}
    for system in systems:
        remark = f" ({system.remark})" if system.remark else ""
        lines.setdefault(f"{system.source}{remark}", []).append(system.name)
    shown = [f"  {', '.join(names)}: {source}" for source, names in lines.items()]
    return ["Published results, in percent:", *shown] if shown else []
