"""Results: read back as written, compared only on the same episodes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError
from fsl_nlp.evaluation.result import Mean, Result, compare, versions
from fsl_nlp.evaluation.tally import tally
from fsl_nlp.output import without_nan
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


def test_intervals_of_many_episodes_are_two_standard_errors_wide() -> None:
    values = np.random.default_rng(0).binomial(25, 0.7, 2000) / 25
    mean = Mean.of(values)
    assert mean.half_width == pytest.approx(1.959964 * values.std(ddof=1) / 2000**0.5, rel=2e-3)
    assert str(mean) == f"{mean.value:.2%} ± {mean.half_width:.2%}"


def test_perfect_episodes_have_an_interval() -> None:
    """None of 200 differs: Wilson's upper end with Student's t of 1.972 is t^2 / (200 + t^2)."""
    mean = Mean.of(np.ones(200))
    assert (mean.low, mean.high) == (pytest.approx(1 - 1.971957**2 / (200 + 1.971957**2)), 1.0)
    assert str(mean) == "100.00% (98.09% to 100.00%)"


def test_a_result_of_an_earlier_version_has_no_ends() -> None:
    mean = Mean.from_dict({"value": 0.99, "half_width": 0.02})
    assert (mean.interval, str(mean)) == (None, "99.00% ± 2.00%")
    single = Mean.of(np.array([0.8]))
    assert str(Mean.from_dict(without_nan(asdict(single)))) == str(single) == "80.00%"


def test_equal_results_have_a_difference_of_nothing_within_an_interval() -> None:
    same = result("a", [0.8] * 100)
    gap = compare(same, same)
    assert gap.difference.half_width == pytest.approx(1.984217**2 / (100 + 1.984217**2))
    assert str(gap) == "a - a: 0.00% ± 3.79% (no significant difference)"


def test_a_comparison_is_paired() -> None:
    rng = np.random.default_rng(1)
    luck = rng.uniform(0, 0.9, 200)  # episodes differ far more than methods do
    gain = 0.01 + rng.normal(0, 0.01, 200)
    better, worse = result("b", list(luck + gain)), result("w", list(luck))
    found = compare(better, worse)
    assert found.difference.value == pytest.approx(0.01, abs=0.002)
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
