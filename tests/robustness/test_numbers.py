"""Every numeric option of every command, with what is no number for it."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import pytest
import typer

from fsl_nlp.cli.app import app
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import FslError
from fsl_nlp.types import Dataset

from .conftest import Rounds

Cli = Callable[..., Any]


class Number(NamedTuple):
    words: tuple[str, ...]  # the command, with something for each argument that it needs
    flag: str
    kind: type
    least: float | None


def numbers(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[Number]:
    """The numeric options of all commands."""
    for one in group.registered_groups:
        assert one.typer_instance
        yield from numbers(one.typer_instance, (*path, str(one.name)))
    for command in group.registered_commands:
        assert command.callback
        parameters = inspect.signature(command.callback).parameters.values()
        words: list[str] = []
        options: list[tuple[str, type, float | None]] = []
        for parameter in parameters:
            if get_origin(parameter.annotation) is not Annotated:
                continue
            hint, info = get_args(parameter.annotation)[:2]
            kinds = {hint, *get_args(hint)}
            flag = f"--{parameter.name.replace('_', '-')}"
            if isinstance(info, typer.models.OptionInfo):
                # Within Annotated, the first name is taken for a default.
                names = [str(info.default), *(info.param_decls or ())]
                flag = next((name for name in names if name.startswith("--")), flag)
                if {int, float} & kinds:
                    options.append((flag, float if float in kinds else int, info.min))
            if parameter.default is parameter.empty:
                is_option = isinstance(info, typer.models.OptionInfo)
                words += [flag, "nothing"] if is_option else ["nothing"]
        name = str(command.name or command.callback.__name__.replace("_", "-"))
        for option in options:
            yield Number((*path, name, *words), *option)


NUMBERS = list(numbers(app))


def test_the_walk_sees_the_options() -> None:
    flags = {(number.words[0], number.flag) for number in NUMBERS}
    expected = {("predict", "--top-k"), ("episodes", "--nota-rate"), ("episodes", "--workers")}
    expected |= {("benchmark", "--limit"), ("adapt", "--steps"), ("fit", "--seed")}
    assert expected <= flags


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{n.words[0]}{n.flag}")
def test_a_wrong_number_is_refused(run: Cli, number: Number, rounds: Rounds) -> None:
    assert number.least is not None, "an option says its smallest value"
    values = ["x", "", "-", "5-1", str(2**200), str(-(2**200)), f"{number.least - 1}", "1,5", "１x"]
    values += ["nan", "inf", "-inf", "1e999"] if number.kind is float else ["1.5", "1e3", "nan"]
    rng = random.Random(str(number))
    for value in rng.sample(values, rounds(1, len(values))):
        result = run(*number.words, f"{number.flag}={value}")
        assert result.status == 2, value
        assert "Invalid value" in result.err, value
        assert "Traceback" not in result.err
        assert number.flag in result.err


@pytest.mark.parametrize(
    "words",
    [
        "episodes support_en --way 0",
        "episodes support_en --way -1",
        f"episodes support_en --way {'9' * 5000}",
        "episodes support_en --shot 5-1",
        "episodes support_en --shot 0",
        "episodes support_en --shot 1-",
        f"episodes support_en --shot {10**30}",
        "episodes support_en --nota-rate 1e9",
        "episodes support_en --nota-rate 1e300",
        "episodes support_en --episodes 1000000000000",
        "episodes support_en --query 1000000000000",
        "episodes support_en --classes 1,-1",
        f"episodes support_en --classes 1,{10**30}",
        "curve support_en --shot 1,-5 --out c.json",
        f"curve support_en --way {10**30} --out c.json",
        "curve support_en --episodes 1000000000000 --out c.json",
        "meta-train support_en --way 0 --out meta",
        "meta-train support_en --shot 5-1 --out meta",
        "fit support_en --shot -1 --out bot",
        "fit support_en --shot 1e9 --out bot",
        "fit support_en --budget -5m --out bot",
        "fit support_en --budget nan --out bot",
        "benchmark fewrel --split 5-1",
        "benchmark fewrel --split 0-1000000000",
        "benchmark fewclue --split 0-",
        f"benchmark fewclue --split {10**30}",
        f"benchmark intents --draws {10**15}",
    ],
    ids=lambda words: words[:50],
)
def test_a_wrong_number_in_a_text_is_one_error(
    run: Cli, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FSL_NLP_DATA", str(tmp_path))
    result = run(*words.split())
    assert (result.status, result.out) in ((1, ""), (2, "")), result.err
    assert "Unexpected" not in result.err
    assert len(result.err) < 1000
    assert not list(tmp_path.iterdir())


def test_settings_of_a_table_are_bounded_before_memory_is_taken(rounds: Rounds) -> None:
    data = Dataset.from_texts([f"{i}" for i in range(40)], [f"{i % 4}" for i in range(40)])
    rng = random.Random(0)
    wild = [-(2**70), -1, 0, 1, 2, 5, 10**6, 2**40, 2**70]
    rates = [-1.0, 0.0, 0.5, 1e9, 1e300, float("nan"), float("inf")]
    messages: list[str] = []
    for _ in range(rounds(300, 30_000)):
        way, shot, query, episodes = (rng.choice(wild) for _ in range(4))
        episodes = min(episodes, 10**9) if episodes > 10**6 else min(episodes, 10)
        with_episodes = {"way": way, "shot": shot, "query": query, "episodes": episodes}
        try:
            EpisodeTable.sample(
                data, **with_episodes, na_rate=rng.choice(rates), seed=rng.choice([0, 5, -1, 2**70])
            )
        except FslError as error:
            messages.append(str(error))
    assert max(map(len, messages)) < 500
