"""FewRel on relations made up here: the four settings, and the files of the hidden test."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import TextEncoder, load_dataset
from fsl_nlp.benchmarks.fewrel import FewRel, read_task
from fsl_nlp.benchmarks.run import run_benchmark, submit_benchmark
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.evaluation import MethodSpec, evaluate

VERBS = {"P19": "was born in", "P50": "is the author of", "P108": "works for", "P3": "lives with"}
PLAN = FewRel("proto", "embedded:en", episodes=30, query=2)
TASK = "3-way-1-shot"


def instance(relation: str, number: int) -> dict[str, Any]:
    """A sentence as FewRel writes it: tokens, and the mentions as places of tokens."""
    head = ["Ann", "Bo", "Cy", "Dee", "李雷", "Flo"][number % 6]
    tokens = [head, *VERBS[relation].split(), f"Place{number}", "."]
    return {
        "tokens": tokens,
        "h": [head.lower(), f"Q{number}", [[0]]],
        "t": [f"place{number}", f"Q9{number}", [[len(tokens) - 2]]],
    }


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory, english: TextEncoder) -> Path:
    """Six sentences of each relation; half of those of P3 read as those of P19."""
    root = tmp_path_factory.mktemp("corpora")
    (root / "fewrel").mkdir()
    content = {r: [instance(r, i) for i in range(6)] for r in VERBS}
    content["P3"][3:] = [instance("P19", i) for i in range(6, 9)]
    (root / "fewrel/val_wiki.json").write_text(json.dumps(content), "utf-8")
    entries = [
        {
            "relation": relations,
            "meta_train": [[instance(r, 10 + i)] for i, r in enumerate(relations)],
            "meta_test": instance(answer, 20),
        }
        for relations, answer in [(["P19", "P50"], "P50"), (["P108", "P19"], "P108")]
    ]
    (root / "fewrel/test_wiki_input-2-1.json").write_text(json.dumps(entries), "utf-8")
    return root


def test_a_row_is_the_evaluator_on_the_same_episodes(corpora: Path) -> None:
    result = run_benchmark(replace(PLAN, seed=4), [TASK], data_dir=corpora)
    (title,) = result["tasks"]
    row = result["tasks"][title]
    data = load_dataset("fewrel:val_wiki", data_dir=corpora)
    table = EpisodeTable.sample(data, way=3, shot=1, query=2, episodes=30, seed=4)
    plain = {"label_names": False, "descriptions": False}
    expected = evaluate(MethodSpec("proto", "embedded:en", plain, seed=4), data, table)
    assert title == "3-way-1-shot val_wiki"
    assert row["accuracy"] == expected.accuracy.value
    assert row["half_width"] == expected.accuracy.half_width
    assert 0.5 < row["accuracy"] < 1  # P3 and P19 are mixed up
    assert row["splits"][0]["episode_hash"] == table.hash
    assert (row["count"], row["interval_over"]) == (30, "30 episodes")


def test_two_relations_that_read_the_same(tmp_path: Path) -> None:
    """By hand: P19 and P3 tie in all episodes and one of them is answered, P50 never ties; of two
    queries each, four of six are right."""
    content = {
        r: [instance(verb, 0)] * 6 for r, verb in zip(VERBS, ("P19", "P50", "P19"), strict=False)
    }
    (tmp_path / "fewrel").mkdir()
    (tmp_path / "fewrel/val_wiki.json").write_text(json.dumps(content), "utf-8")
    result = run_benchmark(PLAN, ["3-way-3-shot"], data_dir=tmp_path)
    assert result["accuracy"] == pytest.approx(2 / 3)
    # No episode differs. Wilson's interval of 0 among 30, with t = 2.045, ends at t^2 / (30 + t^2).
    assert result["half_width"] == pytest.approx(2.045230**2 / (30 + 2.045230**2) / 2)


def test_published_rows_belong_to_a_split(corpora: Path) -> None:
    scores = {system.name: system.scores for system in FewRel.published}
    assert scores["BERT-PAIR"]["5-way-1-shot val_wiki"] == 85.66
    assert scores["BERT-PAIR"]["10-way-5-shot val_pubmed"] == 70.30
    assert set(scores["human"]) == {"5-way-1-shot val_wiki", "10-way-1-shot val_wiki"}
    assert not any(title.endswith("val_nyt") for row in scores.values() for title in row)


def test_classes_of_the_split_are_left_out_of_the_source(corpora: Path, tmp_path: Path) -> None:
    """The source is the same file, so nothing is left of it."""
    plan = replace(PLAN, method="projection", source=("fewrel:val_wiki",))
    with pytest.raises(DataError, match="class"):
        run_benchmark(plan, [TASK], data_dir=corpora)
    source = {f"P9{i}": [instance(r, j) for j in range(6)] for i, r in enumerate(VERBS)}
    (tmp_path / "source.json").write_text(json.dumps(source), "utf-8")
    plan = replace(plan, source=(str(tmp_path / "source.json"),))
    assert run_benchmark(plan, [TASK], data_dir=corpora)["accuracy"] > 0.5


def test_the_files_of_the_hidden_test(corpora: Path, tmp_path: Path) -> None:
    files = submit_benchmark(PLAN, tmp_path / "out", ["2-way-1-shot"], data_dir=corpora)
    assert [file.name for file in files] == ["pred-2-1.json", "submission.zip"]
    assert json.loads(files[0].read_text()) == [1, 0]  # the places of the right relations
    with zipfile.ZipFile(files[1]) as archive:
        assert archive.namelist() == ["pred-2-1.json"]
    with pytest.raises(DataError, match=r"are missing: .*test_wiki_input-5-1.json. Put"):
        submit_benchmark(PLAN, tmp_path / "out", ["5-way-1-shot"], data_dir=corpora)


@pytest.mark.parametrize("task", ["5w1s", "0-way-1-shot", "5-way", "5-way-1-shot val_wiki"])
def test_an_unknown_task(task: str) -> None:
    with pytest.raises(OptionError, match=f"'{task}' is not a task of fewrel. Its tasks: 5-way-1"):
        read_task(task)


def test_missing_files_and_unknown_splits(corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_benchmark(PLAN, [TASK], ["val_wiki", "val_nyt"], data_dir=corpora)
    reason = "there is no fewrel/val_nyt.json in the data folder"
    assert result["skipped"] == {"3-way-1-shot val_nyt": reason}
    with pytest.raises(OptionError, match=r"splits=\['wiki'\]: fewrel has the splits val_wiki"):
        run_benchmark(PLAN, [TASK], ["wiki"], data_dir=corpora)
    monkeypatch.delenv("FSL_NLP_DATA", raising=False)
    with pytest.raises(DataError, match="no data folder is set"):
        run_benchmark(PLAN, [TASK])
