"""`fsl-nlp benchmark NAME`, as it is typed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import TextEncoder
from fsl_nlp.cli import benchmark

Cli = Callable[..., Any]
ROWS = [("不好快递", "bad"), ("不好我的", "bad"), ("很好新闻", "good"), ("很好订单", "good")]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "fewclue/eprstmt"
    folder.mkdir(parents=True)
    for split in ("train_0", "dev_0", "train_1", "dev_1", "test_public", "test", "unlabeled"):
        rows: list[dict[str, Any]] = [
            {"id": i, "sentence": f"{text}{i}", "label": {"bad": "Negative", "good": "Positive"}[t]}
            for i, (text, t) in enumerate(ROWS)
        ]
        if split in ("test", "unlabeled"):
            rows = [{k: v for k, v in row.items() if k != "label"} for row in rows]
        lines = (json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows)
        (folder / f"{split}.json").write_bytes("".join(lines).encode())
    return tmp_path


@pytest.fixture(scope="module")
def model(masked: Callable[[str], TextEncoder]) -> str:
    return masked("bert").name


def test_fewclue(run: Cli, model: str, corpus: Path, tmp_path: Path) -> None:
    words = ["benchmark", "fewclue", "--encoder", model, "--method", "zero-shot", "--data-dir",
             corpus, "--task", "eprstmt", "--split", "0-1"]  # fmt: skip
    result = run(*words)
    assert result.status == 0
    assert "note: fewclue: 2 jobs to run.\n" in result.err
    row = next(line for line in result.out.split("\n") if line.strip().startswith("eprstmt"))
    assert "±" in row
    assert "86.7" in row
    assert "majority, fine-tuning, zero-shot" in result.out
    assert "arXiv 2107.07498, Table 3" in result.out
    result = run(*words, "--json", "--choose", "temperature=[1, 2]", "--patterns", 2).json
    assert [row["split"] for row in result["tasks"]["eprstmt"]["splits"]] == [0, 1]
    assert {row["tried"] for row in result["tasks"]["eprstmt"]["splits"]} == {4}
    assert result["choices"] == {"temperature": [1, 2]}
    result = run(*words, "--submit", tmp_path / "out", "--json").json
    names = ["eprstmt_predict.json", "submission.zip"]
    assert [Path(file).name for file in result["files"]] == names


def test_old_names_of_options_are_taken_with_a_note(run: Cli, model: str, corpus: Path) -> None:
    words = ["benchmark", "fewclue", "--encoder", model, "--method", "zero-shot", "--data-dir",
             corpus, "--json"]  # fmt: skip
    new = run(*words, "--task", "eprstmt", "--split", "1,0")
    old = run(*words, "--tasks", "eprstmt", "--splits", "1,0")
    assert new.err == "note: fewclue: 2 jobs to run.\n"
    assert "note: --tasks is now --task" in old.err
    assert "note: --splits is now --split" in old.err
    assert [row["split"] for row in old.json["tasks"]["eprstmt"]["splits"]] == [1, 0]
    assert new.json["accuracy"] == old.json["accuracy"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--split", "0-x"], "--split 0-x: write 0-4"),
        (["--split", "a"], "splits=['a']: fewclue has the splits 0, 1, 2, 3, 4."),
        (["--split", "0,0"], "Name each task and each split once."),
        (["--choose", "C=1"], "--choose C=1: write it as NAME=[VALUE, VALUE]"),
        (["--task", "news"], "'news' is not a task of fewclue"),
        (["--task", "tnewz"], "Did you mean tnews?"),
        (["--method", "nonsense"], "There is no method 'nonsense'."),
        (["--method", "linear", "--unlabelled-count", 2, "--score", "dev", "--choose", "C=[1, 2]"],
         "dev_i cannot both choose and be scored"),
    ],
)  # fmt: skip
def test_fewclue_refuses(
    run: Cli, model: str, corpus: Path, words: list[object], message: str
) -> None:
    task = [] if "--task" in words else ["--task", "eprstmt"]
    result = run("benchmark", "fewclue", "--encoder", model, "--data-dir", corpus, *task, *words)
    assert (result.status, result.out) == (1, "")
    assert message in result.err


def test_a_file_of_something_else_stays_as_it_is(
    run: Cli, model: str, corpus: Path, tmp_path: Path
) -> None:
    for content in ("notes\nof mine\n", "one line without an end", '{"benchmark": "intents"}\n'):
        file = tmp_path / "notes.txt"
        file.write_text(content)
        words = ["--encoder", model, "--data-dir", corpus, "--progress-file", file]
        result = run("benchmark", "fewclue", "--method", "zero-shot", *words, "--task", "eprstmt")
        assert result.status == 1
        assert "is not a progress file" in result.err or "belongs to another run" in result.err
        assert file.read_text() == content


@pytest.mark.usefixtures("english")
def test_intents_on_a_sample(run: Cli) -> None:
    words = ("benchmark", "intents", "--task", "support_en-1-shot", "--limit", 10, "--draws", 2)
    result = run(*words)
    assert result.status == 0
    assert result.err.startswith("note: intents: 2 jobs to run.\n")
    assert "a sample of 10, of 300 " in result.out
    assert "A sample of the test texts was scored (--limit)" in result.out
    assert "drawn with seed 0" in " ".join(result.out.split())
    assert "the mean over 2 seeds." in result.out
    assert "the 95% interval over " in result.out
    assert "support_en-1-shot" in result.out
    assert "linear on embedded:en" in result.out
    seeds = run(*words, "--seed", 5, "--json").json["tasks"]["support_en-1-shot"]["splits"]
    assert [row["seed"] for row in seeds] == [5, 6]


@pytest.mark.usefixtures("english")
def test_outsiders_of_a_sample(run: Cli) -> None:
    words = ("benchmark", "oos", "--task", "support_en", "--score", "dev", "--draws", 1)
    result = run(*words)
    assert (result.status, result.err) == (0, "note: oos: 1 job to run.\n")
    assert "linear on embedded:en" in result.out
    assert re.search(r"support_en +familiarity +\d", result.out)
    assert re.search(r"\n +nearest cosine +\d", result.out)
    never = run(*words, "--reject", 0, "--json").json["tasks"]["support_en"]["figures"]
    often = run(*words, "--reject", 0.3, "--json").json["tasks"]["support_en"]["figures"]
    assert never["turned_away"]["value"] == never["caught"]["value"] == 0
    assert often["turned_away"]["value"] > 0.1
    assert often["caught"]["value"] > often["turned_away"]["value"]
    assert often["auroc"] == never["auroc"]


@pytest.mark.parametrize("name", ["fewclue", "fewrel", "intents", "oos"])
def test_help_names_tasks_splits_and_an_example(run: Cli, name: str) -> None:
    result = run("benchmark", name, "--help")
    assert result.status == 0
    kind = benchmark.benchmark_class(name)
    text = " ".join(result.out.split())
    assert f"Tasks: {', '.join(kind.tasks)}." in text
    assert f"Example: fsl-nlp benchmark {name} --" in text
    assert "--tasks" not in text


def test_a_resumed_run_says_what_is_finished(
    run: Cli, english: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("benchmark", "intents", "--task", "support_en-1-shot", "--limit", 10)
    one = run(*words, "--draws", 1, "--progress-file", "in.jsonl")
    assert "the mean over 1 seed." in one.out
    assert "the 95% interval over the 10 test texts (one seed)." in one.out
    two = run(*words, "--draws", 2, "--progress-file", "in.jsonl")
    assert two.err == "note: intents: 2 jobs, 1 already in in.jsonl, 1 to run.\n"


def test_fewrel_hints_at_episodes(run: Cli) -> None:
    refused = run("benchmark", "fewrel", "--limit", 50)
    assert refused.status == 2
    assert "use --episodes" in refused.err
