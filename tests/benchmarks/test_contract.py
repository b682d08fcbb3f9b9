"""A benchmark from outside the package: its settings, its table and its command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from fsl_nlp.benchmarks import BENCHMARKS, benchmark_class
from fsl_nlp.benchmarks.base import Benchmark, Figure, Job, Published, Row, setting
from fsl_nlp.benchmarks.run import run_benchmark
from fsl_nlp.cli import benchmark as command
from fsl_nlp.cli.benchmark_tables import as_table
from fsl_nlp.cli.tables import console
from fsl_nlp.errors import OptionError


@dataclass(frozen=True)
class Letters(Benchmark):
    """The accuracy is 0.1 a letter of the task, and 0.02 a split."""

    name: ClassVar[str] = "letters"
    tasks: ClassVar[tuple[str, ...]] = ("ab", "abcd")
    splits: ClassVar[tuple[str | int, ...]] = (0, 1, 2, 3)
    default_splits: ClassVar[tuple[str | int, ...]] = (0, 2)
    protocol: ClassVar[str] = "With a bonus of {bonus}."
    example: ClassVar[str] = "--bonus 1"
    published: ClassVar[tuple[Published, ...]] = (
        Published("alphabet", {"ab": 30.0, "abcd": 50.0}, "A book", "in capitals"),
        Published("others", {"ab": 12.5}, "A book"),
    )

    bonus: int = setting(0, "Percent more.", least=0)
    strict: bool = setting(False, "Half of it all.")
    words: tuple[str, ...] = setting((), "Words. Repeatable.", flag="--word", parse=tuple)

    def test_data(self, job: Job) -> str:
        return "a file of its own"

    def unsupported_reason(self, job: Job) -> str | None:
        return "too long" if "no-" + job.task in self.words else None

    def run(self, job: Job, data_dir: Any, device: str) -> Row:
        accuracy = (0.1 * len(job.task) + 0.02 * int(job.split) + self.bonus / 100) / (
            1 + self.strict
        )
        return {"accuracy": accuracy, "count": 10, "encoder": self.encoder, "seconds": 1.5}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[typer.Typer]:
    monkeypatch.setattr(command, "BENCHMARKS", {"letters": "", "fewrel": ""})
    monkeypatch.setattr(command, "benchmark_class", {"letters": Letters, "fewrel": Letters}.get)
    app = typer.Typer()
    command.add_to(app)
    app.command("another")(lambda: None)
    return app


def test_the_numbers_by_hand() -> None:
    """ab: 0.20 and 0.24, sd 0.028284, half-width 12.7062 * 0.028284 / sqrt(2) = 0.254124; abcd is
    0.2 higher. The mean of both has the half-width sqrt(2 * 0.254124 ** 2) / 2 = 0.179693."""
    result = run_benchmark(Letters("proto", "words"))
    tasks = result["tasks"]
    assert tasks["ab"]["accuracy"] == pytest.approx(0.22)
    assert tasks["ab"]["deviation"] == pytest.approx(0.028284, abs=1e-6)
    assert tasks["ab"]["half_width"] == pytest.approx(0.254124, abs=1e-5)
    assert tasks["abcd"]["accuracy"] == pytest.approx(0.42)
    assert result["accuracy"] == pytest.approx(0.32)
    assert result["half_width"] == pytest.approx(0.179693, abs=1e-5)
    assert (tasks["ab"]["seconds"], result["interval_over"]) == (3.0, "2 splits")
    assert tasks["ab"]["published"] == {"alphabet": 30.0, "others": 12.5}
    assert tasks["abcd"]["published"] == {"alphabet": 50.0}
    assert result["published"] == {"alphabet": 40.0}
    single = run_benchmark(Letters("proto", "words"), ["ab"], [1])
    assert (single["half_width"], single["interval_over"]) == (None, "1 split")


def test_its_settings_are_options(app: typer.Typer) -> None:
    words = ["benchmark", "letters", "--encoder", "words"]
    result = CliRunner().invoke(
        app, [*words, "--bonus", "2", "--strict", "--word", "no-abcd", "--word", "x"]
    )
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["letters:", "proto", "on", "words"]
    assert lines[2] == ["ab", "12.00%", "±", "12.71%", "10", "3.0", "30.0", "12.5"]
    assert "With a bonus of 2. ± is the 95% interval over " in result.stdout
    assert "abcd was left out: too long." in result.stdout
    assert "  alphabet: A book (in capitals)" in result.stdout
    assert "mean" not in result.stdout
    refused = CliRunner().invoke(app, [*words, "--bonus", "-1"])
    assert refused.exit_code == 2


@dataclass(frozen=True)
class Signs(Letters):
    """The length is 0.1 a letter of the task and 0.01 a split; a rival's is half of it."""

    name: ClassVar[str] = "signs"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("width", "width", "is that of a letter"),
        Figure("length", "length", "is that of the task"),
        Figure("missing", "missing", "is what the second split lacks"),
    )
    published: ClassVar[tuple[Published, ...]] = (
        Published("a book", {}, "Another book", figures={"ab": {"length": 21.5}}),
    )

    def run(self, job: Job, data_dir: Any, device: str) -> Row:
        length = 0.1 * len(job.task) + 0.01 * int(job.split)
        return {
            **super().run(job, data_dir, device),
            "figures": {
                "width": {"value": 0.25, "half_width": 0.03},
                "length": {"value": length, "half_width": 0.5},
                "missing": {"value": None if job.split else 0.5, "half_width": None},
            },
            "compared": {"rival": {"length": {"value": length / 2, "half_width": None}}},
        }


def test_figures_by_hand() -> None:
    """ab: 0.20 and 0.22, sd 0.0141421, half-width 12.7062 * 0.0141421 / sqrt(2) = 0.127062. All
    widths are equal, so the interval is that of the first run."""
    row = run_benchmark(Signs("proto", "words"), ["ab"])["tasks"]["ab"]
    length, rival = row["figures"]["length"], row["compared"]["rival"]["length"]
    assert (length["value"], length["half_width"]) == pytest.approx((0.21, 0.127062), abs=1e-5)
    assert (rival["value"], rival["half_width"]) == pytest.approx((0.105, 0.063531), abs=1e-5)
    assert row["figures"]["width"] == {
        "value": 0.25,
        "deviation": 0.0,
        "half_width": 0.03,
        "interval": None,
    }
    assert row["figures"]["missing"]["value"] is None
    assert row["published_figures"] == {"a book": {"length": 21.5}}


def test_figures_are_columns(capsys: pytest.CaptureFixture[str]) -> None:
    plan = Signs("proto", "words")
    console().print(as_table(plan, run_benchmark(plan, ["ab"], [0])))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["task", "accuracy", "width", "missing", "texts", "seconds"]
    assert lines[2] == ["ab", "20.00%", "25.0%", "±", "3.0%", "50.0%", "10", "1.5"]
    assert lines[4:8] == [
        ["task", "score", "length"],
        ["ab", "here", "20.0%", "±", "50.0%"],
        ["rival", "10.0%"],
        ["a", "book", "21.5"],
    ]
    assert ["length", "is", "that", "of", "the", "task."] in lines
    assert ["a", "book:", "Another", "book"] in lines


def test_an_unknown_benchmark() -> None:
    with pytest.raises(OptionError, match=f"Choose one of {', '.join(BENCHMARKS)}"):
        benchmark_class("letters")
