"""The FewCLUE benchmark on a small corpus made up here, and the leaderboard's files."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
import torch

from fsl_nlp import TextEncoder, load_dataset
from fsl_nlp.benchmarks import fewclue
from fsl_nlp.benchmarks.base import Job
from fsl_nlp.benchmarks.fewclue import FewClue
from fsl_nlp.benchmarks.run import run_benchmark, submit_benchmark
from fsl_nlp.cli.benchmark_tables import as_table
from fsl_nlp.data.fewclue_submission import FILES, TASKS, write_fewclue
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.types import Example

IDIOMS = ["四面八方", "五光十色", "三心二意", "四四五五", "八面三心", "二光五色", "十面四方"]


def rows(task: str, *, labelled: bool, count: int = 6, first: int = 3) -> list[dict[str, Any]]:
    """Ids begin at 3 and have gaps."""
    made = []
    for i in range(count):
        row: dict[str, Any] = {"id": first + 2 * i}
        if task == "eprstmt":
            row |= {"sentence": f"{'很好' if i % 2 else '不好'}快递{'我' * (i + 1)}"}
            row |= {"label": ["Negative", "Positive"][i % 2]}
        elif task == "tnews":
            row |= {"sentence": f"新闻{'我' * i}", "keywords": "", "id": str(first + 2 * i)}
            row |= {
                "label": [103, 104][i % 2],
                "label_desc": ["news_sports", "news_finance"][i % 2],
            }
        elif task == "bustm":
            row |= {"sentence1": "快递到哪了", "sentence2": "我的订单" * (i % 2 + 1)}
            row |= {"label": str(i % 2)}
        elif task == "cluewsc":
            target = {"span1_text": "我", "span1_index": 0, "span2_text": "订", "span2_index": 2}
            row |= {"text": f"我的订单到了{'好' * i}", "target": target}
            row |= {"label": ["true", "false"][i % 2]}
        elif task == "chid":
            row |= {"content": f"我{'很' * i}#idiom#。", "candidates": IDIOMS, "answer": i % 7}
        if not labelled:
            row = {k: v for k, v in row.items() if k not in ("label", "answer", "label_desc")}
        made.append(row)
    return made


MADE = ("eprstmt", "tnews", "bustm", "chid", "cluewsc")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpora")
    for task in MADE:
        folder = root / "fewclue" / task
        folder.mkdir(parents=True)
        splits = [*(f"{kind}_{i}" for kind in ("train", "dev") for i in range(5)), "test_public"]
        for split in splits:
            write(folder / f"{split}.json", rows(task, labelled=True, count=7))
        hidden = rows(task, labelled=False, first=40)
        write(folder / "test.json", hidden)
        write(folder / "unlabeled.json", [in_other_words(row) for row in hidden])
    (root / "fewclue/cluewsc/test_public.json").unlink()
    return root


def in_other_words(row: dict[str, Any]) -> dict[str, Any]:
    """The row with another text, which is in no test."""
    text = json.dumps(row, ensure_ascii=False)
    for word, other in (("快递", "订单"), ("新闻", "订单"), ("我", "订")):
        text = text.replace(word, other)
    return dict(json.loads(text))


def write(path: Path, found: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found))


@pytest.fixture(scope="module")
def model(masked: Callable[[str], TextEncoder]) -> str:
    return masked("bert").name


def test_mean_and_deviation_beside_the_published_table(corpora: Path, model: str) -> None:
    plan = FewClue("zero-shot", model, patterns=2)
    found = run_benchmark(plan, ["eprstmt", "bustm"], [0, 3], data_dir=corpora)
    task = found["tasks"]["eprstmt"]
    values = [row["accuracy"] for row in task["splits"]]
    assert task["accuracy"] == mean(values)
    assert task["deviation"] == stdev(values)
    assert task["count"] == 7
    assert task["published"]["pet"] == 86.7
    assert found["published"]["pet"] == pytest.approx(57.44, abs=0.01)
    assert found["accuracy"] == mean(t["accuracy"] for t in found["tasks"].values())
    # Two patterns are tried; dev_i chooses.
    assert {row["tried"] for row in task["splits"]} == {2}
    assert {row["chosen"]["template"] for row in task["splits"]} <= {
        "[MASK]满意。{text}",
        "{text}总之，我[MASK]满意。",
    }


def test_the_table_is_the_published_one() -> None:
    scores = {"majority": 29.04, "fine-tuning": 44.10, "zero-shot": 44.60, "pet": 57.44}
    scores |= {"lm-bff": 56.32, "p-tuning": 59.91, "efl": 55.91, "human": 82.50}
    assert {system.name for system in FewClue.published} == set(scores)
    for system in FewClue.published:
        assert set(system.scores) == set(TASKS)
        # The paper's own means differ from those of its rows by up to 0.7.
        assert mean(system.scores.values()) == pytest.approx(scores[system.name], abs=0.75)


def test_dev_chooses_and_the_test_does_not(
    corpora: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting that dev_i likes is taken, however the test likes another."""
    read: list[str] = []
    load = fewclue.load_dataset

    def recorded(name: str, **options: Any) -> Any:
        read.append(name)
        return load(name, **options)

    monkeypatch.setattr(fewclue, "load_dataset", recorded)
    plan = FewClue("linear", model, choices={"C": [1e-6, 1000.0]})
    found = run_benchmark(plan, ["eprstmt"], [1], data_dir=corpora)
    (row,) = found["tasks"]["eprstmt"]["splits"]
    assert sorted(read) == ["eprstmt:dev_1", "eprstmt:test_public", "eprstmt:train_1"]
    assert row["tried"] == 2
    options = [{"C": 1e-6}, {"C": 1000.0}]
    train, dev = (load(f"eprstmt:{s}_1", data_dir=corpora) for s in ("train", "dev"))
    scores = [
        plan.build(chosen, train.texts, 0, "cpu").fit(train).accuracy(dev) for chosen in options
    ]
    assert row["chosen"] == options[scores.index(max(scores))]


@pytest.mark.parametrize(
    ("method", "task", "options"),
    [
        ("prompt", "bustm", {"epochs": 1}),
        ("p-tuning", "chid", {"epochs": 1}),
        ("pet", "chid", {"epochs": 1}),
        ("efl", "chid", {"epochs": 1}),
        ("proto", "chid", {}),
        ("efl", "tnews", {"epochs": 1, "words": {"103": "体育", "104": "财经"}}),
        ("lora", "bustm", {"epochs": 1}),
    ],
)
def test_methods_and_tasks(
    corpora: Path, model: str, method: str, task: str, options: dict[str, Any]
) -> None:
    plan = FewClue(
        method, model, options, patterns=1, unlabelled=None if method in ("efl", "proto") else 4
    )
    found = run_benchmark(plan, [task], [0], data_dir=corpora)
    assert 0 <= found["accuracy"] <= 1
    assert found["tasks"][task]["deviation"] is None


def test_methods_that_can_learn_from_the_unlabelled_file(corpora: Path, model: str) -> None:
    """Where the plan says so; the file holds texts of the task alone."""
    plan = FewClue("linear", model, unlabelled=4)
    test = load_dataset("bustm:test_public", data_dir=corpora)
    kept = plan.fit("bustm", 0, corpora, test=test).classifier.head_state
    plain = replace(plan, unlabelled=0).fit("bustm", 0, corpora, test=test).classifier
    assert not torch.equal(kept["weight"], plain.head_state["weight"])
    assert FewClue("linear", model).unlabelled_count == 0
    assert FewClue("pet", model).unlabelled_count == 2000
    with pytest.raises(OptionError, match="'efl' does not learn from unlabelled texts"):
        FewClue("efl", model, unlabelled=4)


def test_texts_of_the_test_are_left_out_of_the_unlabelled_file(
    corpora: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them are put into a copy of the file, one with another white space."""
    folder = tmp_path / "fewclue/eprstmt"
    shutil.copytree(corpora / "fewclue/eprstmt", folder)
    test = load_dataset("eprstmt:test_public", data_dir=tmp_path)
    file = folder / "unlabeled.json"
    line = json.loads(file.read_text("utf-8").split("\n")[0])
    added = [{**line, "sentence": text} for text in (test.texts[0], f" {test.texts[1]} ")]
    with file.open("a", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in added)
    learned: list[list[str]] = []
    fit = FrozenMethod.fit
    monkeypatch.setattr(
        FrozenMethod,
        "fit",
        lambda m, data: (learned.append([e.text for e in data.unlabelled]), fit(m, data))[1],
    )
    plan = FewClue("linear", model, unlabelled=1000)
    result = run_benchmark(plan, ["eprstmt"], [0], data_dir=tmp_path)
    before = load_dataset("eprstmt:unlabeled", labelled=False, data_dir=corpora)
    assert learned[0] == before.texts
    assert result["tasks"]["eprstmt"]["splits"][0]["left_out"] == 2
    shown = " ".join(map(str, as_table(plan, result).renderables))
    assert "eprstmt: 2 unlabelled texts stand in the test too" in shown
    # Rows that were made with these texts are not continued.
    assert plan.header()["unlabelled_texts"] == "without those of the test"
    assert "unlabelled_texts" not in replace(plan, unlabelled=0).header()


def test_goes_on_where_it_was_stopped(
    corpora: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, file = FewClue("zero-shot", model, patterns=1), tmp_path / "run.jsonl"
    whole = run_benchmark(plan, ["eprstmt"], [0, 1, 2], data_dir=corpora, progress_file=file)
    lines = file.read_text().split("\n")
    assert len(lines) == 5
    # Cut off in the middle of the third split's line.
    file.write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])
    done: list[Any] = []
    run = FewClue.run

    def counted(self: FewClue, job: Job, *args: Any) -> Any:
        done.append(job.split)
        return run(self, job, *args)

    monkeypatch.setattr(FewClue, "run", counted)
    again = run_benchmark(plan, ["eprstmt"], [0, 1, 2], data_dir=corpora, progress_file=file)
    assert done == [2]
    accuracies = [[r["accuracy"] for r in f["tasks"]["eprstmt"]["splits"]] for f in (whole, again)]
    assert accuracies[0] == accuracies[1]
    with pytest.raises(DataError, match="belongs to another run: patterns is 1, not 2"):
        run_benchmark(FewClue("zero-shot", model, patterns=2), ["eprstmt"], [0], data_dir=corpora,
                    progress_file=file)  # fmt: skip


def test_a_progress_file_of_version_0_1_is_continued(corpora: Path, tmp_path: Path) -> None:
    """Its header names no benchmark, its rows no seed. The model does not exist: nothing is run."""
    header = {
        "method": "zero-shot",
        "encoder": "a-model-that-is-not-there",
        "options": {},
        "choices": {},
        "patterns": 1,
        "unlabelled": None,
        "limit": None,
        "score": "test_public",
        "seed": 0,
    }
    row = {"task": "eprstmt", "accuracy": 0.5, "count": 7, "dev_accuracy": None, "chosen": {},
           "tried": 1, "seconds": 2.5}  # fmt: skip
    lines = [header, {**row, "split": 0}, {**row, "split": 1, "accuracy": 0.7}]
    file = tmp_path / "run.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    plan = FewClue("zero-shot", "a-model-that-is-not-there", patterns=1)
    found = run_benchmark(plan, ["eprstmt"], [0, 1], data_dir=corpora, progress_file=file)
    assert found["accuracy"] == pytest.approx(0.6)
    assert found["tasks"]["eprstmt"]["seconds"] == 5
    assert len(file.read_text().splitlines()) == 3


def test_what_cannot_be_done_says_why(corpora: Path, model: str) -> None:
    found = run_benchmark(FewClue("linear", model), MADE, [0], data_dir=corpora)
    assert set(found["tasks"]) == {"eprstmt", "tnews", "bustm"}
    assert "position of a candidate" in found["skipped"]["chid"]
    chid, pronouns = (Job(task, 0, 0) for task in ("chid", "cluewsc"))
    assert FewClue("lora", model).unsupported_reason(pronouns) is None
    reason = FewClue("proto", model, unlabelled=4).unsupported_reason(chid)
    assert "does not learn from unlabelled texts" in str(reason)
    with pytest.raises(OptionError, match=r"there is no fewclue/cluewsc/test_public.json"):
        run_benchmark(FewClue("lora", model), ["cluewsc"], [0], data_dir=corpora)
    on_dev = FewClue("lora", model, {"epochs": 1}, score="dev")
    found = run_benchmark(on_dev, ["cluewsc"], [0], data_dir=corpora)
    assert found["scored_on"] == "dev"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"tasks": ["nonsense"]}, "'nonsense' is not a task of fewclue"),
        ({"splits": [5]}, "splits=\\[5\\]: fewclue has the splits 0, 1, 2, 3, 4"),
        ({"splits": [1, 1]}, "each split once"),
        ({"plan": {"score": "test"}}, "choose 'test_public' or 'dev'"),
        (
            {"plan": {"score": "dev", "choices": {"C": [1, 2]}}},
            "dev_i cannot both choose and be scored",
        ),
        (
            {"plan": {"options": {"C": 1}, "choices": {"C": [1, 2]}}},
            "C has both a value and choices",
        ),
    ],
)
def test_refusals(corpora: Path, model: str, call: dict[str, Any], message: str) -> None:
    def run() -> None:
        plan = FewClue(**{"method": "linear", "encoder": model, **call.get("plan", {})})
        run_benchmark(
            plan, call.get("tasks", ["eprstmt"]), call.get("splits", [0]), data_dir=corpora
        )

    with pytest.raises(OptionError, match=message):
        run()


def test_a_missing_split_is_an_error(corpora: Path, model: str, tmp_path: Path) -> None:
    folder = tmp_path / "fewclue/eprstmt"
    folder.mkdir(parents=True)
    for split in ("train_0", "test_public"):
        write(folder / f"{split}.json", rows("eprstmt", labelled=True))
    with pytest.raises(DataError, match=r"there is no .*dev_0.json"):
        run_benchmark(FewClue("zero-shot", model), ["eprstmt"], [0], data_dir=tmp_path)


# The leaderboard


def test_the_leaderboards_files(corpora: Path, model: str, tmp_path: Path) -> None:
    """Field by field: names, keys, types, one object a line, ids of the source in its order."""
    plan = FewClue("zero-shot", model, patterns=1, options={})
    files = submit_benchmark(plan, tmp_path / "out", ["eprstmt", "bustm", "chid"], data_dir=corpora)
    assert [file.name for file in files] == [
        "eprstmt_predict.json",
        "bustm_predict.json",
        "chidf_predict.json",
        "submission.zip",
    ]
    kinds = {"eprstmt": {"Positive", "Negative"}, "bustm": {"0", "1"}, "chid": set(range(7))}
    for (task, answers), file in zip(kinds.items(), files, strict=False):
        lines = file.read_text(encoding="utf-8").split("\n")
        assert lines.pop() == ""
        found = [json.loads(line) for line in lines]
        assert [row["id"] for row in found] == [40, 42, 44, 46, 48, 50]
        key = "answer" if task == "chid" else "label"
        for row in found:
            assert list(row) == ["id", key]
            assert row[key] in answers
            assert type(row[key]) is (int if task == "chid" else str)
    with zipfile.ZipFile(files[-1]) as archive:
        assert sorted(archive.namelist()) == sorted(file.name for file in files[:-1])
        assert archive.read("chidf_predict.json") == files[2].read_bytes()
    with pytest.raises(OptionError, match="'linear' cannot answer chid"):
        submit_benchmark(FewClue("linear", model), tmp_path, ["bustm", "chid"], data_dir=corpora)


def test_every_task_has_its_file(tmp_path: Path) -> None:
    """The names of the published instructions, and the kinds of ids and answers."""
    assert sorted(FILES.values()) == [
        "bustm_predict.json",
        "chidf_predict.json",
        "cluewscf_predict.json",
        "csldcp_predict.json",
        "cslf_predict.json",
        "eprstmt_predict.json",
        "iflytekf_predict.json",
        "ocnlif_predict.json",
        "tnewsf_predict.json",
    ]
    test = [Example("一", id="7"), Example("二", id="3")]
    answers = {"chid": 4, "csldcp": "力学", "iflytek": "8", "tnews": "103"}
    for task in TASKS:
        answer = answers.get(task, "1")
        found = write_fewclue(tmp_path, task, test, [answer, answer]).read_text("utf-8")
        first = json.loads(found.split("\n")[0])
        assert first["id"] == ("7" if task == "tnews" else 7)
        assert first["answer" if task == "chid" else "label"] == answer
    assert '"力学"' in (tmp_path / "csldcp_predict.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("task", "ids", "answers", "message"),
    [
        ("news", ["1"], ["a"], "not a task of FewCLUE"),
        ("csl", ["1"], ["0", "1"], "2 answers for 1 examples"),
        ("csl", ["1", "1"], ["0", "1"], "no two the same"),
        ("csl", [None], ["0"], "need an id each"),
        ("csl", ["a"], ["0"], "'a' is not a whole number"),
        ("chid", ["1"], ["一心一意"], "'一心一意' is not a whole number"),
    ],
)
def test_what_cannot_be_submitted(
    tmp_path: Path, task: str, ids: list[Any], answers: list[Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        write_fewclue(tmp_path, task, [Example("一", id=i) for i in ids], answers)
