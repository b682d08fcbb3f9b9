"""The commands of the researcher, on the shipped samples: episodes, curve, submit-fewrel."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import TextEncoder, load_dataset
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.evaluation import MethodSpec, Result, evaluate

pytestmark = pytest.mark.usefixtures("english")
Cli = Callable[..., Any]
PLAIN = {"label_names": False, "descriptions": False}


def instance(head: str, verb: str, tail: str) -> dict[str, Any]:
    return {
        "tokens": [head, verb, tail, "."],
        "h": [head.lower(), "Q1", [[0]]],
        "t": [tail.lower(), "Q2", [[2]]],
    }


# episodes


def test_episodes_in_json_are_what_the_evaluator_finds(run: Cli) -> None:
    words = ("support_en", "--way", 4, "--shot", 2, "--query", 3, "--episodes", 30, "--seed", 5)
    result = run("episodes", *words, "--json")
    assert (result.status, result.err) == (0, "")
    data = load_dataset("support_en")
    table = EpisodeTable.sample(data, way=4, shot=2, query=3, episodes=30, seed=5)
    expected = evaluate(MethodSpec("proto", "embedded:en", PLAIN, seed=5), data, table)
    found = result.json
    assert found["episode_hash"] == table.hash
    assert found["accuracy"]["value"] == expected.accuracy.value
    assert found["accuracy"]["half_width"] == expected.accuracy.half_width
    assert found["macro_f1"] == expected.macro_f1
    assert (found["method"], found["dataset"]) == ("proto", "support_en:train")
    assert found["settings"]["encoder"] == "embedded:en"
    assert {"way": 4, "shot": 2, "query": 3, "episodes": 30, "seed": 5}.items() <= found[
        "episodes"
    ].items()
    assert "episode_accuracy" not in found
    assert found["comparisons"] == []


def test_episodes_for_people(run: Cli) -> None:
    result = run("episodes", "support_en", "--episodes", 20, "--way", 3)
    assert result.status == 0
    assert "proto on embedded:en, support_en:train" in result.out
    assert "20 of 3-way 1-shot, 5 queries a class; seed 0, hash " in result.out
    assert "(mean over episodes, 95% interval)" in result.out
    assert "none of the above" not in result.out


def test_chinese_episodes(run: Cli, multilingual: TextEncoder) -> None:
    result = run(
        "episodes", "support_zh:test", "--way", 3, "--shot", 10, "--episodes", 30, "--json"
    )
    assert result.json["settings"]["encoder"] == "embedded:multilingual"
    assert result.json["accuracy"]["value"] > 0.7


def test_other_kinds_of_episodes(run: Cli) -> None:
    uneven = run(
        "episodes", "support_en", "--way", "all", "--shot", "1-4", "--imbalance", 1,
        "--label-names", "--episodes", 10, "--option", "distance=euclidean", "--json",
    )  # fmt: skip
    assert uneven.json["episodes"]["way"] == 15
    assert uneven.json["episodes"]["shot"] == [1, 4]
    assert uneven.json["episodes"]["imbalance"] == 1
    assert uneven.json["settings"]["label_names"] is True
    assert uneven.json["settings"]["distance"] == "euclidean"
    foreign = run("episodes", "support_en", "--episodes", 10, "--nota-rate", 1, "--shot", 5)
    assert "none of the above  precision " in foreign.out
    together = run("episodes", "support_en", "--episodes", 10, "--method", "laplacian")
    assert "transductive: the queries of an episode are read together" in together.out
    one = run("episodes", "support_en", "--episodes", 1, "--json")
    assert one.json["accuracy"]["half_width"] is None  # one episode has no interval, and NaN is
    assert "NaN" not in one.out  # no JSON


def test_a_table_is_written_then_used_and_results_are_compared(run: Cli, tmp_path: Path) -> None:
    table, first = tmp_path / "episodes.safetensors", tmp_path / "first.json"
    words = ("episodes", "support_en", "--table", table, "--json")
    one = run(*words, "--episodes", 25, "--seed", 3, "--out", first).json
    two = run(*words, "--method", "knn", "--compare", first).json  # 25 episodes, not 1000
    assert two["episode_hash"] == one["episode_hash"]
    assert two["episodes"]["episodes"] == 25
    (comparison,) = two["comparisons"]
    assert comparison["with"] == "proto"
    gap = two["accuracy"]["value"] - one["accuracy"]["value"]
    assert comparison["difference"] == pytest.approx(gap)
    assert Result.load(first).accuracy.value == one["accuracy"]["value"]
    shown = run("episodes", "support_en", "--table", table, "--compare", first).out
    assert "proto - proto: 0.00% ± 14.56% (no significant difference)" in shown


def test_a_head_is_trained_on_other_classes_first(run: Cli) -> None:
    words = (
        "episodes", "support_en", "--method", "siamese", "--way", 3, "--query", 3,
        "--episodes", 20, "--json",
    )  # fmt: skip
    split = run(*words, "--classes", "9,6")
    assert (split.status, split.err) == (0, "")
    assert len(split.json["per_class"]) == 6
    leaked = run(*words, "--source", "support_en:test")
    assert leaked.status == 1
    assert (
        "Leakage: support_en:test and support_en:train share 15 classes (cancel_order, "
        in leaked.err
    )
    assert "--exclude-test-classes" in leaked.err


def test_tasks_one_by_one_go_on_from_a_file(run: Cli, tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    words = ("episodes", "support_en", "--episodes", 4, "--json")
    apart = run(*words, "--no-batch", "--progress-file", file).json
    assert apart["accuracy"] == run(*words).json["accuracy"]
    assert len(file.read_text().splitlines()) == 5
    again = run(*words, "--no-batch", "--progress-file", file).json
    assert again["accuracy"] == apart["accuracy"]


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """Three classes of 12 sentences and one of two."""
    data = load_dataset("support_en")
    rows = [e for e in data if e.label in data.labels[:3]]
    rows += [e for e in data if e.label == data.labels[3]][:2]
    path = tmp_path / "uneven.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *((e.text, e.label) for e in rows)])
    return path


def test_small_classes_are_left_out_by_name(run: Cli, uneven: Path) -> None:
    small = load_dataset("support_en").labels[3]
    words = ("episodes", uneven, "--way", 3, "--episodes", 10, "--json")
    refused = run(*words)
    assert refused.status == 1
    assert f"'{small}' has 2" in refused.err
    assert "--skip-small" in refused.err
    result = run(*words, "--skip-small")
    assert result.status == 0
    assert result.err == f"note: left out classes with fewer than 6 examples: {small}.\n"
    assert small not in result.json["per_class"]
    assert run(*words, "--skip-small", "--quiet").err == ""


# what a long run says before it starts


def test_many_episodes_are_announced(run: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsl_nlp.cli.plans._SHORT", 0.0)
    words = ("episodes", "support_en", "--way", 3, "--episodes", 200, "--json")
    result = run(*words)
    assert re.fullmatch(
        r"note: 200 episodes of 3-way 1-shot, \d+ texts to encode with proto: about \d+ s\.\n",
        result.err,
    )
    assert run(*words, "--quiet").err == ""
    source = run(*words, "--method", "siamese", "--classes", "9,6")
    assert source.err.endswith("texts to encode with siamese.\n")


def test_a_method_that_trains_in_each_episode_is_announced(
    run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsl_nlp.cli.plans._SHORT", 0.0)
    words = ("--method", "head", "--option", "epochs=2", "--episodes", 8, "--way", 2)
    result = run("episodes", "support_en", *words, "--json")
    assert result.status == 0
    assert "note: 8 episodes of 2-way 1-shot, " in result.err
    assert "texts to encode with head: about" in result.err


# curve


def test_a_curve_in_every_format(run: Cli, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the report extra is not installed")
    files = [tmp_path / f"curve.{ending}" for ending in ("json", "png", "svg")]
    result = run(
        "curve", "support_en", "--method", "proto, knn", "--shot", "1,3", "--way", "3,5",
        "--query", 4, "--episodes", 20, "--seed", 2, "--json",
        *(word for file in files for word in ("--out", file)),
    )  # fmt: skip
    assert (result.status, result.err) == (0, "")
    found = result.json
    assert found.pop("out") == [str(file) for file in files]
    assert found == json.loads(files[0].read_text("utf-8"))
    assert [line["name"] for line in found["lines"]] == [
        "proto, 3-way", "knn, 3-way", "proto, 5-way", "knn, 5-way",
    ]  # fmt: skip
    single = run(
        "episodes", "support_en", "--way", 5, "--shot", 3, "--query", 4, "--episodes", 20,
        "--seed", 2, "--json",
    )  # fmt: skip
    assert found["lines"][2]["points"][1] == [3, single.json["accuracy"]]
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in files[2].read_bytes()


def test_a_curve_for_people(run: Cli, tmp_path: Path) -> None:
    words = (
        "curve",
        "support_en",
        "--episodes",
        20,
        "--shot",
        "1,2",
        "--out",
        tmp_path / "c.json",
    )
    result = run(*words)
    assert result.status == 0
    header, row = result.out.splitlines()
    assert header.split() == ["shots", "1", "2"]
    assert row.split()[:2] == ["proto,", "5-way"]
    assert row.count("±") == 2


# submit-fewrel


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """Two official input files, of 2-way 1-shot and 2-way 2-shot episodes."""

    def entry(shot: int, verb: str) -> dict[str, Any]:
        groups = [
            [instance(f"Ann{i}", known, f"Rex{i}") for i in range(shot)]
            for known in ("bought", "married")
        ]
        return {
            "relation": ["P1", "P2"],
            "meta_train": groups,
            "meta_test": instance("Bo", verb, "Kim"),
        }

    paths = []
    for shot in (1, 2):
        path = tmp_path / f"test_wiki_input-2-{shot}.json"
        path.write_text(json.dumps([entry(shot, verb) for verb in ("married", "bought", "sold")]))
        paths.append(path)
    return paths


def test_a_submission(run: Cli, inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("submit-fewrel", *inputs, "--out", out, "--json")
    assert result.status == 0
    assert "note: submit-fewrel is now `fsl-nlp benchmark fewrel --submit" in result.err
    assert result.json == {
        "predictions": [str(out / "pred-2-1.json"), str(out / "pred-2-2.json")],
        "zip": str(out / "submission.zip"),
    }
    with zipfile.ZipFile(out / "submission.zip") as archive:
        assert archive.namelist() == ["pred-2-1.json", "pred-2-2.json"]
        for name in archive.namelist():
            assert json.loads(archive.read(name)) == [1, 0, 0]
    shown = run("submit-fewrel", inputs[0], "--out", out, "--method", "knn")
    assert shown.out.splitlines()[-1] == f"All in {out / 'submission.zip'}"


# what a user can get wrong


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files with something wrong with each."""
    good = [instance(f"Ann{i}", "saw", "Bo") for i in range(5)]
    outside = {**good[0], "t": ["bo", "Q2", [[7]]]}
    unseen = instance("\u200b\u200d", "saw", "Bo")  # characters that the tokenizer drops
    files = {
        "one.csv": "text,label\na b,x\nc d,x\ne f,x\n",
        "little.csv": "text,label\na b,x\nc d,x\ne f,x\ng h,退货\ni j,退货\n",
        "nothing.csv": "text,label\n",
        "empty.json": json.dumps({"P1": [], "P2": good}),
        "outside.json": json.dumps({"P1": [*good, outside], "P2": good}),
        "unseen.json": json.dumps({"P1": [*good, unseen], "P2": good}),
        "test_wiki_input-2-1.json": json.dumps([{"relation": ["P1"], "meta_train": [good[:1]]}]),
        "none_wiki_input-2-1.json": "[]",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


SMALL = ("--way", 2, "--shot", 2, "--query", 3, "--episodes", 10)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("episodes", "support_en", "--way", 20),
            "20-way episodes need 20 classes; support_en:train has 15",
        ),
        (
            ("episodes", "support_en", "--shot", 9),
            "9 support examples and 5 queries need 14 examples a class; 15 of support_en:train's "
            "15 classes have fewer: 'cancel_order' has 12",
        ),
        (("episodes", "little.csv", *SMALL), "need 5 examples a class; 2 of little's 2 classes"),
        (("episodes", "one.csv", *SMALL), "one has 1 class; episodes need at least two."),
        (("episodes", "nothing.csv", *SMALL), "nothing.csv holds no rows below its header."),
        (("episodes", "empty.json", *SMALL), "empty.json: no instances of P1."),
        (("episodes", "outside.json", *SMALL), "outside the sentence of 4 tokens"),
        (
            ("episodes", "unseen.json", *SMALL),
            "Example P1/5: the tokenizer of embedded:en cannot see both mentions.",
        ),
        (("episodes", "support_en", "--way", "five"), "--way five: must be a whole number"),
        (("episodes", "support_en", "--shot", "4-2"), "must not be above the second"),
        (
            ("episodes", "support_en", "--nota-rate", 1, "--way", "all"),
            "one more for none-of-the-above",
        ),
        (("episodes", "support_en", "--method", "auto"), "Here choose one of 'proto', "),
        (
            ("episodes", "support_en", "--method", "siamese"),
            "--source DATA or --classes TRAIN,TEST",
        ),
        (
            ("episodes", "support_en", "--method", "pet", "--label-names"),
            "method 'pet' has no option 'label_names'. Leave --label-names out.",
        ),
        (
            ("episodes", "support_en", "--method", "pet", "--encoder", "embedded:en"),
            "Add --encoder embedded:mlm",
        ),
        (
            ("episodes", "support_en", "--exclude-test-classes"),
            "--exclude-test-classes leaves classes out of --source.",
        ),
        (("episodes", "support_en", "--option", "parameters=1"), "has no option 'parameters'"),
        (("episodes", "support_en", "--classes", "3"), "--classes takes TRAIN,TEST"),
        (("episodes", "support_en", "--classes", "9,9"), "9 + 0 + 9 classes asked for"),
        (("episodes", "support_en", "--table", "one.csv"), "one.csv is no table of episodes"),
        (
            ("episodes", "support_en", "--compare", "one.csv", *SMALL),
            "one.csv is not a saved result",
        ),
        (
            ("episodes", "support_en", "--no-batch", "--progress-file", "one.csv", *SMALL),
            "one.csv is not a progress file",
        ),
        (("episodes", "support_en", "--out", "one.csv/x.json", *SMALL), "one.csv/x.json: "),
        (
            ("episodes", "support_en", "--method", "laplacian", "--no-batch", *SMALL),
            "method 'laplacian' reads all queries together",
        ),
        (("curve", "support_en", "--out", "curve.pdf"), "a curve is saved as .json, .png or .svg."),
        (
            ("curve", "support_en", "--out", "c.json", "--shot", "1,x"),
            "Write whole numbers with commas, 1,2,5.",
        ),
        (("curve", "support_en", "--out", "c.json", "--shot", "1,10"), "need 15 examples a class"),
        (("curve", "support_en", "--out", "c.json", "--way", "3,16"), "16-way episodes need 16"),
        (("curve", "one.csv", "--out", "c.json"), "one has 1 class"),
        (
            ("curve", "support_en", "--out", "c.json", "--method", "magic"),
            "There is no method 'magic'",
        ),
        (("submit-fewrel", "none.json", "--out", "x"), "none.json cannot be read: No such file"),
        (("submit-fewrel", "one.csv", "--out", "x"), "one.csv is not JSON"),
        (("submit-fewrel", "test_wiki_input-2-1.json", "--out", "x"), "it has no 'meta_test'"),
        (("submit-fewrel", "none_wiki_input-2-1.json", "--out", "x"), "hold a list of episodes"),
    ],
)
def test_bad_input_is_said_in_words(
    words: tuple[object, ...], message: str, run: Cli, bad: Path
) -> None:
    before = sorted(path.name for path in bad.iterdir())
    result = run(*words, "--json")
    assert result.status == 1
    assert result.err.startswith("error: ")
    assert message in result.err
    assert "Unexpected" not in result.err
    # One line; a list of bad rows has one more for each.
    assert result.err.count("\n") == 1 or " cannot be used" in result.err
    assert message in result.json["error"]
    assert sorted(path.name for path in bad.iterdir()) == before  # nothing half done


@pytest.mark.parametrize(
    "words",
    [
        ("episodes",),
        ("curve", "support_en"),
        ("submit-fewrel", "--out", "x"),
        ("submit-fewrel", "x.json"),
        ("episodes", "support_en", "--episodes", "many"),
    ],
)
def test_wrong_usage_is_status_two(words: tuple[str, ...], run: Cli) -> None:
    result = run(*words)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("Usage: ")


@pytest.mark.parametrize("command", ["episodes", "curve", "submit-fewrel"])
def test_help_has_an_example_and_the_common_options(command: str, run: Cli) -> None:
    result = run(command, "--help")
    assert result.status == 0
    assert f"Example: fsl-nlp {command} " in result.out
    for option in ("--json", "--seed", "--quiet", "--debug"):
        assert option in result.out


def test_a_table_of_other_data(run: Cli, tmp_path: Path) -> None:
    table = tmp_path / "table.npz"
    words = ("episodes", "--table", table, "--way", 2, "--shot", 1, "--episodes", 300)
    assert run(words[0], "support_en", *words[1:]).status == 0
    done = run(words[0], "support_zh", *words[1:])
    assert done.status == 1
    assert "another dataset" in done.err
