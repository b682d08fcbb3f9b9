"""Run recipes and write RESULTS.md from their results.

    python recipes/run.py recipes/fewrel.yaml      # one recipe
    python recipes/run.py --all                    # every recipe
    python recipes/run.py --table                  # only write RESULTS.md again

A recipe is a YAML file: a title, what it shows, and rows. A row is a name and `fsl-nlp` commands;
the accuracy is read from the JSON of the last one. Rows that repeat a command over seeds give the
mean with the 95% interval over the seeds. A benchmark with more figures than the accuracy adds them
as columns, and other systems that have them as rows below. Public corpora come from FSL_NLP_DATA.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from fsl_nlp import __version__, processor
from fsl_nlp.errors import FslError
from fsl_nlp.evaluation.result import Mean
from fsl_nlp.folders import write_atomically
from fsl_nlp.intervals import half_width_of_mean
from fsl_nlp.output import percent
from fsl_nlp.reading import read_text

HERE = Path(__file__).parent
RESULTS = HERE / "results"


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    commands: list[str]  # {out} is a scratch folder, {seed} each of `seeds`
    seeds: list[int] = [0]


class Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    about: str
    rows: list[Row]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipes", nargs="*", type=Path)
    parser.add_argument("--all", action="store_true", help="run every recipe")
    parser.add_argument("--table", action="store_true", help="only write RESULTS.md again")
    options = parser.parse_args()
    if not (options.recipes or options.all or options.table):
        parser.error("name a recipe, or --all, or --table")
    for path in sorted(HERE.glob("*.yaml")) if options.all else options.recipes:
        run(path)
    write_table()


def run(path: Path) -> None:
    recipe = read(path)
    rows = []
    for row in recipe.rows:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as out:
            results = [run_commands(row.commands, out=out, seed=seed) for seed in row.seeds]
        rows.append(
            {
                "name": row.name,
                "commands": row.commands,
                "seeds": row.seeds,
                **summary(results),
                **figures(results),
                "seconds": round(time.perf_counter() - started, 1),
            }
        )
        print(f"{row.name}: {rows[-1]['accuracy']}", file=sys.stderr)
        record = {"title": recipe.title, "about": recipe.about, "machine": machine(), "rows": rows}
        # After each row: the long ones take hours together.
        write_atomically(
            RESULTS / f"{path.stem}.json", json.dumps(record, ensure_ascii=False, indent=1) + "\n"
        )


def read(path: Path) -> Recipe:
    try:
        return Recipe.model_validate(yaml.safe_load(read_text(path, str(path))))
    except RecursionError:
        sys.exit(f"{path}: it is nested too deep.")
    except (FslError, ValueError, TypeError, yaml.YAMLError, ValidationError) as error:
        sys.exit(f"{path}: {error}")


def run_commands(commands: list[str], *, out: str, seed: int) -> dict[str, Any]:
    """The JSON of the last command."""
    answer: dict[str, Any] = {}
    for command in commands:
        words = shlex.split(command.format(out=out, seed=seed))
        done = subprocess.run(
            [sys.executable, "-m", "fsl_nlp", *words, "--json", "--seed", str(seed)],
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            sys.exit(f"failed: fsl-nlp {shlex.join(words)}")
        answer = json.loads(done.stdout)
    return answer


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy in percent with its interval: over seeds, else what the command itself gives."""
    values = [_accuracy(result) for result in results]
    if len(values) > 1:
        width = half_width_of_mean(stdev(values), len(values))
        return {"accuracy": _show(mean(values), width), "interval over": f"{len(values)} seeds"}
    result = results[0]
    if "interval_over" in result:
        return {
            "accuracy": _show(values[0], result["half_width"], result.get("interval")),
            "interval over": result["interval_over"],
        }
    if isinstance(result["accuracy"], dict):
        over_episodes = Mean.from_dict(result["accuracy"])
        return {
            "accuracy": _show(values[0], over_episodes.half_width, over_episodes.interval),
            "interval over": f"{result['episodes']['episodes']:,} episodes",
        }
    low, high = result["accuracy_interval"]
    return {
        "accuracy": _show(values[0], (high - low) / 2, (low, high)),
        "interval over": f"{result['count']:,} test texts",
    }


def figures(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of a benchmark beside the accuracy, by heading; {} where there are none.

    A command that scores one task has them, and repeats its draws itself, without seeds.
    """
    tasks = list(results[0].get("tasks", {}).values())
    if len(results) > 1 or len(tasks) != 1 or "figures" not in tasks[0]:
        return {}
    headings = results[0]["headings"]

    def shown(values: dict[str, Any]) -> dict[str, str]:
        return {headings[key]: _show_figure(value) for key, value in values.items()}

    others = {**tasks[0]["compared"], **tasks[0]["published_figures"]}
    return {
        "figures": shown(tasks[0]["figures"]),
        "compared": {name: shown(values) for name, values in others.items()},
    }


def _show_figure(figure: dict[str, Any] | float) -> str:
    """A share in percent; a published one is in percent already, and has no interval."""
    if not isinstance(figure, dict):
        return f"{figure:.1f}"
    if figure["value"] is None:
        return "-"
    return _show(figure["value"], figure["half_width"], figure.get("interval"), digits=1)


def _accuracy(result: dict[str, Any]) -> float:
    accuracy = result["accuracy"]
    return float(accuracy["value"] if isinstance(accuracy, dict) else accuracy)


def _show(
    value: float,
    width: float | None,
    interval: Sequence[float] | None = None,
    digits: int = 2,
) -> str:
    return percent(value, width, digits, interval=interval).replace("%", "")


def machine() -> str:
    import torch

    return (
        f"{processor.machine()}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"fsl_nlp {__version__}"
    )


def write_table() -> None:
    parts = [
        "# Results",
        "Written by `python recipes/run.py`; do not edit. Accuracy in percent with its 95% "
        "interval. `FSL_NLP_DATA` names the folder of the public corpora. `{out}` is any folder.",
    ]
    for path in sorted(RESULTS.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        lines = table_lines(record["rows"])
        parts += [
            f"## {record['title']}",
            f"{record['about'].strip()}\n\n"
            f"Again: `python recipes/run.py recipes/{path.stem}.yaml`. "
            f"Measured on: {record['machine']}. Seconds are of whole commands, start included.",
            "\n".join(lines),
        ]
    write_atomically(HERE / "RESULTS.md", "\n\n".join(parts) + "\n")


def table_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A table of the rows, with a column for each figure that one of them has."""
    headings = list(dict.fromkeys(name for row in rows for name in row.get("figures", {})))
    columns = ["", "accuracy", *headings, "interval over", "seeds", "seconds", "commands"]
    lines = [_line(columns), "|---" * len(columns) + "|"]
    for row in rows:
        figures = [row.get("figures", {}).get(name, "") for name in headings]
        seeds = ", ".join(map(str, row["seeds"]))
        commands = "<br>".join(f"`fsl-nlp {command}`" for command in row["commands"])
        end = [row["interval over"], seeds, str(row["seconds"]), commands]
        lines.append(_line([row["name"], row["accuracy"], *figures, *end]))
        for name, values in row.get("compared", {}).items():
            figures = [values.get(heading, "") for heading in headings]
            lines.append(_line([f"&nbsp;&nbsp;{name}", "", *figures, *("" for _ in end)]))
    return lines


def _line(cells: list[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


if __name__ == "__main__":
    main()
