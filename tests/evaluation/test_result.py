"""Results: read back as written, compared only on the same episodes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError
from fsl_nlp.evaluation.result import Mean, Result, compare, versions
from fsl_nlp.evaluation.tally import tally
from fsl_nlp.types import Dataset


def result(name: str, accuracies: list[float], episode_hash: str = "abc") -> Result:
    return Result(
        method=name,
        settings={"encoder": "embedded:en"},
        dataset="data",
        episodes={"way": 2},
        episode_hash=episode_hash,
        accuracy=Mean.of(np.array(accuracies)),
        micro_accuracy=0.5,
        macro_f1=0.4,
        none_of_the_above=None,
        per_class={"a": 0.25, 3: 0.75, "退货": 0.5},
        encode_seconds=1.0,
        score_seconds=2.0,
        versions=versions(),
        episode_accuracy=tuple(accuracies),
    )


def test_a_result_is_read_back_as_it_was(tmp_path: Path) -> None:
    one = result("proto", [0.5, 0.75, 1.0])
    assert Result.load(one.save(tmp_path / "one.json")) == one
    assert json.loads((tmp_path / "one.json").read_text())["worst_class"]["label"] == "a"
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DataError, match="not a saved result"):
        Result.load(tmp_path / "other.json")
    with pytest.raises(DataError, match=r"missing\.json"):
        Result.load(tmp_path / "missing.json")


def test_intervals_are_two_standard_errors_wide_and_hold_the_truth_95_times_in_100() -> None:
    mean = Mean.of(np.array([0.0, 1.0, 0.0, 1.0]))
    assert mean.half_width == pytest.approx(1.959964 * np.std([0, 1, 0, 1], ddof=1) / 2)
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        drawn = Mean.of(rng.normal(0.7, 0.1, 100))
        held += abs(drawn.value - 0.7) <= drawn.half_width
    assert 930 <= held <= 970


def test_a_comparison_is_paired() -> None:
    rng = np.random.default_rng(1)
    luck = rng.uniform(0, 0.9, 200)  # episodes differ far more than methods do
    better, worse = result("b", list(luck + 0.01)), result("w", list(luck))
    found = compare(better, worse)
    assert found.difference.value == pytest.approx(0.01)
    assert found.beyond_noise
    assert better.accuracy.half_width > 0.03  # unpaired, the difference would not show
    assert not compare(better, better).beyond_noise


def test_results_of_different_episodes_are_not_compared() -> None:
    with pytest.raises(DataError, match=r"different episodes \(abc and xyz\)"):
        compare(result("a", [1.0]), result("b", [1.0], "xyz"))


def test_tally_against_counting_by_hand() -> None:
    data = Dataset.from_texts([f"{c}{i}" for c in "abc" for i in range(6)], list("abc" * 6)[:18])
    data = Dataset.from_texts(
        [f"{c}{i}" for c in "abc" for i in range(6)], [c for c in "abc" for _ in range(6)]
    )
    table = EpisodeTable.sample(data, way=2, shot=1, query=3, episodes=40, na_rate=1.0, seed=2)
    rng = np.random.default_rng(0)
    predicted = rng.integers(0, 3, table.target.shape)
    counts = tally(data, table, predicted)
    hits, per_class, none = [], {label: [] for label in "abc"}, []
    for e in range(40):
        for q in range(table.query.shape[1]):
            right = predicted[e, q] == table.target[e, q]
            hits.append(right)
            if table.target[e, q] < 2:
                per_class[data.targets[table.query[e, q]]].append(right)
            else:
                none.append(right)
    assert counts.micro_accuracy == pytest.approx(np.mean(hits))
    assert counts.accuracy.value == pytest.approx(np.mean(hits))
    assert counts.per_class == pytest.approx({k: np.mean(v) for k, v in per_class.items()})
    found = counts.none_of_the_above
    assert found is not None
    assert found.recall == pytest.approx(np.mean(none))
    said_none = predicted == 2
    assert found.precision == pytest.approx((table.target[said_none] == 2).mean())
    from sklearn.metrics import f1_score

    names = np.array(["a", "b", "c", "none"])
    columns = np.concatenate([table.classes, np.full((40, 1), 3)], 1)
    true = names[np.take_along_axis(columns, table.target, 1)].ravel()
    guess = names[np.take_along_axis(columns, predicted, 1)].ravel()
    wanted = f1_score(true, guess, labels=["a", "b", "c"], average="macro")
    assert counts.macro_f1 == pytest.approx(wanted)
