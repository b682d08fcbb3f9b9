"""Questions among outsiders, on texts of words whose figures are counted by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from fsl_nlp import TextEncoder
from fsl_nlp.benchmarks.base import Job
from fsl_nlp.benchmarks.oos import (
    Decided,
    OutOfScope,
    coverage_figures,
    decide,
    decision_figures,
    outsider_figures,
)
from fsl_nlp.benchmarks.oos_tasks import TASKS, Asked, load_material
from fsl_nlp.benchmarks.run import run_benchmark
from fsl_nlp.cli.benchmark_tables import as_table
from fsl_nlp.cli.tables import console
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.decision.policy import Decision
from fsl_nlp.decision.verdict import OUT_OF_SCOPE, Verdict
from fsl_nlp.errors import OptionError

from .conftest import write_rows

PLAN = OutOfScope("proto", "words", {"label_names": False})
TRAIN = [("alpha", "pay"), ("alpha beta", "pay"), ("gamma", "track"), ("gamma delta", "track")]
TEST = [("alpha alpha", "pay"), ("gamma gamma", "track"), ("gamma gamma alpha", "pay")]
OUTSIDERS = [("omega", "oos"), ("psi omega", "oos")]


@pytest.fixture
def corpora(tmp_path: Path, words: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("fsl_nlp.encoders.load_encoder", lambda *_, **__: words)
    folder = tmp_path / "intents/clinc150"
    for name, rows in (("train_5", TRAIN), ("test", TEST), ("oos_test", OUTSIDERS)):
        write_rows(folder / f"{name}.jsonl", rows)
    # Some held-out labels share the words of a trained one.
    rows = [(f"group{n % 20} text{i}", f"label{n}") for n in range(31) for i in range(2)]
    for name in ("train", "develop", "test"):
        write_rows(tmp_path / f"intents/smp2017/{name}.jsonl", rows)
    return tmp_path


def test_a_task_with_outsiders_of_its_own(corpora: Path) -> None:
    """Two of three questions are right. The words of the outsiders were never seen, so all scores
    but the share of known words put them below."""
    result = run_benchmark(PLAN, ["clinc150-5-shot"], data_dir=corpora)
    row = result["tasks"]["clinc150-5-shot"]
    assert row["accuracy"] == pytest.approx(2 / 3)
    assert (row["count"], row["splits"][0]["outsiders"]) == (3, 2)
    assert row["compared"]["nearest cosine"]["auroc"]["value"] == 1.0
    assert row["compared"]["max probability"]["false_positives"]["value"] == 0.0
    assert set(row["compared"]) == {
        "max probability", "max logit", "energy", "relative Mahalanobis", "nearest cosine"
    }  # fmt: skip
    assert {figure.key for figure in PLAN.figures} == set(row["figures"])


def test_other_labels_are_held_out_in_each_draw(corpora: Path) -> None:
    asked = TASKS["smp2017-10-held-out"].test
    materials = [load_material("smp2017:train", asked, seed, corpora) for seed in (0, 0, 1)]
    for material in materials:
        assert len(material.support.labels) == 21
        assert {e.label for e in material.inside} == set(material.support.labels)
        assert len({e.label for e in material.outside}) == 10
        assert not {e.label for e in material.outside} & set(material.support.labels)
    assert materials[0] == materials[1]
    assert materials[0].outside != materials[2].outside
    jobs = PLAN.jobs(["smp2017-10-held-out", "clinc150-5-shot"], ["train"])
    assert [job.seed for job in jobs] == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("name", ["support_en", "support_zh"])
def test_the_development_half_of_a_sample_shares_nothing_with_the_training_half(name: str) -> None:
    material = load_material(name, TASKS[name].dev, seed=0)
    learned = set(material.support.texts)
    assert not learned & {e.text for e in (*material.inside, *material.outside)}
    assert (len(material.support.labels), len({e.label for e in material.outside})) == (10, 5)
    # The test files are read by --score test alone.
    plans = [OutOfScope("proto", "words", score=score) for score in ("dev", "test")]
    assert [plan.test_data(Job(name, "train", 0)) for plan in plans] == [
        f"{name}:train", f"{name}:test"
    ]  # fmt: skip


def test_dev_names_no_test_file() -> None:
    for name, task in TASKS.items():
        files = [task.train, task.dev.questions, task.dev.outsiders]
        assert not any("test" in file for file in files if file), name


def test_figures_of_a_decision_by_hand() -> None:
    """Of four questions one is turned away, and one of the others is wrong; of three outsiders two
    are caught. So two of three that get no label are outsiders."""

    def decided(rejected: list[bool]) -> Decided:
        confidence = np.full(len(rejected), 0.75)
        return Decided(confidence, confidence, confidence, np.array(rejected))

    figures = decision_figures(
        decided([False, True, False, False]),
        decided([True, True, False]),
        np.array([True, True, True, False]),
    )
    values = {key: figure["value"] for key, figure in figures.items()}
    assert values == pytest.approx(
        {"answered": 0.5, "turned_away": 0.25, "caught": 2 / 3, "precision": 2 / 3,
         "calibration_error": 0.0}
    )  # fmt: skip
    nothing = decision_figures(decided([False]), decided([False]), np.array([True]))
    assert nothing["precision"] == {"value": None, "half_width": None, "interval": None}


def test_a_decision_judges_what_is_shown() -> None:
    """Its familiarity ranks outsiders, confidence times the chance to be in scope the answers."""
    outputs = Outputs(np.log([[0.8, 0.2], [0.4, 0.6]]), np.zeros((2, 1)))
    decision = SimpleNamespace(
        familiarity=SimpleNamespace(
            score=lambda _: np.array([2.0, -1.0]), probability=lambda _: np.array([0.5, 0.1])
        ),
        verdicts=lambda _: [Verdict(), Verdict(OUT_OF_SCOPE, answers=False)],
    )
    decided = decide(cast("Decision", decision), outputs)
    np.testing.assert_allclose(decided.confidence, [0.8, 0.6])
    np.testing.assert_allclose(decided.certainty, [0.4, 0.06])
    assert (decided.familiarity.tolist(), decided.rejected.tolist()) == ([2, -1], [False, True])
    without = decide(None, outputs)
    np.testing.assert_allclose([without.familiarity, without.certainty], [[0.8, 0.6]] * 2)
    assert without.rejected.tolist() == [False, False]


def test_figures_of_a_ranking_by_hand() -> None:
    """Outsiders at 0.35 and 0.05 are below 4 and 5 of the five questions: AUROC 0.9. The two
    surest of the questions are right, the others are right, wrong, wrong."""
    inside = np.array([0.9, 0.8, 0.5, 0.4, 0.3])
    correct = np.array([True, True, True, False, False])
    outside = np.array([0.35, 0.05])
    figures = {**outsider_figures(inside, outside), **coverage_figures(inside, correct)}
    values = {key: figure["value"] for key, figure in figures.items()}
    assert values == pytest.approx(
        {"auroc": 0.9, "false_positives": 0.5, "accuracy_at_80": 0.75, "accuracy_at_90": 0.6,
         "risk_coverage": (1 / 4 + 2 / 5) / 5}
    )  # fmt: skip


def test_the_table_shows_published_systems_beside_the_full_corpus(
    corpora: Path, capsys: Any
) -> None:
    write_rows(corpora / "intents/clinc150/train.jsonl", TRAIN)
    result = run_benchmark(PLAN, ["clinc150-all", "clinc150-5-shot"], data_dir=corpora)
    console().print(as_table(PLAN, result))
    lines = capsys.readouterr().out.split("\n")
    assert next(line.split() for line in lines if "BERT, energy" in line) == [
        "BERT,", "energy", "97.6", "10.2", "-", "-", "-"
    ]  # fmt: skip
    assert sum("SNGP" in line for line in lines) == 2  # its row, and its source
    assert any(line.split()[:2] == ["task", "score"] for line in lines if line.strip())
    shown = "\n".join(lines)
    assert "AUROC is the chance that" in shown
    dev = OutOfScope("proto", "words", score="dev")
    assert dev.published_key(Job("clinc150-all", "train", 0)) == ""


def test_the_figures_of_draws_have_students_t_interval(corpora: Path) -> None:
    result = run_benchmark(PLAN, ["smp2017-10-held-out"], data_dir=corpora)
    row = result["tasks"]["smp2017-10-held-out"]
    values = [run["figures"]["auroc"]["value"] for run in row["splits"]]
    figure = row["figures"]["auroc"]
    assert figure["value"] == pytest.approx(np.mean(values))
    assert len(values) == 5
    assert np.std(values) > 0
    expected = 2.7764 * np.std(values, ddof=1) / 5**0.5
    assert figure["half_width"] == pytest.approx(expected, rel=1e-4)


def test_more_draws_go_on_in_the_same_file(corpora: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    for draws in (1, 2):
        plan = OutOfScope("proto", "words", {"label_names": False}, draws=draws)
        result = run_benchmark(plan, ["smp2017-10-held-out"], data_dir=corpora, progress_file=file)
    assert len(file.read_text().splitlines()) == 3
    whole = run_benchmark(plan, ["smp2017-10-held-out"], data_dir=corpora)
    for each in (result, whole):
        row = each["tasks"]["smp2017-10-held-out"]
        del row["seconds"], row["splits"]
    assert result == whole


def test_what_is_refused(corpora: Path) -> None:
    with pytest.raises(OptionError, match="score='valid': choose 'test' or 'dev'"):
        OutOfScope("proto", "words", score="valid")
    with pytest.raises(OptionError, match=r"reject=1.5: must be at least 0 and less than 1"):
        OutOfScope("proto", "words", reject=1.5)
    with pytest.raises(OptionError, match="Did you mean clinc150-5-shot"):
        run_benchmark(PLAN, ["clinc150-5-shots"], data_dir=corpora)
    with pytest.raises(OptionError, match=r"there is no intents/banking77/test.jsonl"):
        run_benchmark(PLAN, ["banking77-27-held-out-5-shot"], data_dir=corpora)
    assert Asked(None).draws == 1
