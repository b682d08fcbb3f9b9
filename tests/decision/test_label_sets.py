"""Label sets hold the right label as often as asked for, and say when they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fsl_nlp import FewShotClassifier, TextEncoder, load_dataset
from fsl_nlp.decision.label_sets import Conformity, conformity_of, fewest_examples, fit_conformity
from fsl_nlp.decision.outputs import HeldOut, Outputs
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.errors import DataError, OptionError

COVERAGES = (0.8, 0.9, 0.95)


def planted(rng: np.random.Generator, count: int, labels: int) -> tuple[Any, NDArray[np.int64]]:
    """Scores with noise that differs by label: some are nearly always right, others rarely."""
    classes = rng.integers(labels, size=count)
    noise = np.linspace(0.3, 3.0, labels)[classes, None]
    scores = 2.0 * np.eye(labels)[classes] + noise * rng.standard_normal((count, labels))
    return scores, classes


def covered(
    conformity: Conformity, scores: Any, classes: NDArray[np.int64], coverage: float
) -> NDArray[np.bool_]:
    names = tuple(range(scores.shape[1]))
    sets = conformity.sets(softmax(scores), names, coverage)
    return np.array([c in s.labels for c, s in zip(classes, sets, strict=True)])


@pytest.mark.parametrize("coverage", COVERAGES)
@pytest.mark.parametrize("count", [20, 60, 200])
def test_pooled_sets_cover_planted_data(coverage: float, count: int) -> None:
    """On average over draws, between the coverage and one example more (Vovk et al. 2005)."""
    rng, shares = np.random.default_rng(4), []
    for _ in range(60):
        conformity = fit_conformity(*planted(rng, count, 8))
        pooled = Conformity(conformity.probabilities, np.full(count, -1))
        assert not pooled.thresholds(coverage, 8)[1]
        shares.append(covered(pooled, *planted(rng, 400, 8), coverage).mean())
    error = 3 * np.std(shares) / np.sqrt(len(shares))
    assert coverage - error <= np.mean(shares)
    # The best label is always in the set, so a bot that is right more often covers more.
    right = np.mean([(planted(rng, 4000, 8)[0].argmax(1) == 0).mean()])
    assert np.mean(shares) <= max(coverage + 1 / (count + 1), right) + error


@pytest.mark.parametrize("coverage", COVERAGES)
def test_sets_by_label_cover_each_label(coverage: float) -> None:
    rng = np.random.default_rng(5)
    conformity = fit_conformity(*planted(rng, 4000, 5))
    assert conformity.thresholds(coverage, 5)[1]
    pooled = Conformity(conformity.probabilities, np.full(4000, -1))
    scores, classes = planted(rng, 8000, 5)
    by_label = covered(conformity, scores, classes, coverage)
    together = covered(pooled, scores, classes, coverage)
    shares = [by_label[classes == c].mean() for c in range(5)]
    assert min(shares) > coverage - 0.03
    # What pooled thresholds cannot do: the noisiest label pays for the others.
    assert together[classes == 4].mean() < coverage - 0.05


def test_a_label_is_in_the_set_as_the_rule_of_lac_says() -> None:
    """At most ceil((n + 1) * coverage) - 1 held-out examples conform more than it."""
    rng = np.random.default_rng(6)
    for count in (9, 10, 19, 37):
        scores, classes = planted(rng, count, 4)
        conformity = fit_conformity(scores, classes)
        nonconformity = 1 - softmax(scores)[np.arange(count), classes]
        asked = softmax(planted(rng, 50, 4)[0])
        for coverage in (0.5, 0.8, 0.9):
            rank = int(np.ceil(round((count + 1) * coverage, 9)))
            limit = np.sort(nonconformity)[rank - 1]
            for row, answer in zip(
                asked, conformity.sets(asked, (0, 1, 2, 3), coverage), strict=True
            ):
                expected = {i for i in range(4) if 1 - row[i] <= limit + 1e-9} | {int(row.argmax())}
                assert set(answer.labels) == expected
                assert list(answer.confidences) == sorted(answer.confidences, reverse=True)


@pytest.mark.parametrize("coverage", COVERAGES)
def test_with_too_few_examples_the_set_holds_all_labels(coverage: float) -> None:
    fewest = fewest_examples(coverage)
    rows = np.array([[0.999, 0.001, 0.0]])
    for count, limited in ((0, False), (fewest - 1, False), (fewest, True)):
        conformity = fit_conformity(np.tile([9.0, 0.0, 0.0], (count, 1)), np.zeros(count, np.int64))
        (answer,) = conformity.sets(rows, ("a", "b", "c"), coverage)
        assert answer.limited == limited
        assert answer.labels == (("a",) if limited else ("a", "b", "c"))


def test_a_larger_coverage_gives_a_larger_set() -> None:
    conformity = fit_conformity(*planted(np.random.default_rng(7), 50, 6))
    rows = softmax(planted(np.random.default_rng(8), 100, 6)[0])
    sizes = [
        [len(s.labels) for s in conformity.sets(rows, tuple(range(6)), coverage)]
        for coverage in (0.1, 0.5, 0.8, 0.9, 0.95, 0.99)
    ]
    assert (np.diff(sizes, axis=0) >= 0).all()
    assert min(map(min, sizes)) == 1
    assert max(sizes[-1]) == 6


def test_what_is_saved_comes_back() -> None:
    conformity = fit_conformity(*planted(np.random.default_rng(9), 300, 3))
    again = Conformity.restore(conformity.state())
    rows = softmax(planted(np.random.default_rng(10), 20, 3)[0])
    for coverage in COVERAGES:
        assert again.sets(rows, (0, 1, 2), coverage) == conformity.sets(rows, (0, 1, 2), coverage)


@pytest.mark.parametrize("coverage", [0, 1, 0.0, 1.0, -0.5, 90, float("nan"), None, "0.9", True])
def test_a_wrong_coverage_is_refused(shop: FewShotClassifier, coverage: Any) -> None:
    with pytest.raises(OptionError, match="coverage="):
        shop.predict_set(["where is my parcel"], coverage)


def test_a_bot_without_held_out_scores_says_to_fit_again(shop: FewShotClassifier) -> None:
    with pytest.raises(DataError, match="Fit it again, with reject"):
        shop.predict_set(["where is my parcel"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "encoder"), [("support_en", "english"), ("support_zh", "multilingual")]
)
def test_the_samples_are_covered(request: pytest.FixtureRequest, name: str, encoder: str) -> None:
    reads: TextEncoder = request.getfixturevalue(encoder)
    train, test = load_dataset(name), load_dataset(f"{name}:test")
    classifier = FewShotClassifier("linear", reads, reject=0.05).fit_dataset(train)
    for coverage in COVERAGES:
        sets = classifier.predict_set(test.texts, coverage)
        share = np.mean([t in s.labels for t, s in zip(test.known_targets, sets, strict=True)])
        # Three standard errors: of the threshold, from n examples, and of the share of the test.
        spread = coverage * (1 - coverage) * (1 / len(train) + 1 / len(test))
        assert share >= coverage - 3 * np.sqrt(spread)
        assert np.mean([len(s.labels) for s in sets]) < 5


@pytest.mark.parametrize("method", ["proto", "knn"])
def test_sets_are_saved_with_a_classifier(
    words: TextEncoder, tmp_path: Path, method: str, texts: list[str], labels: list[str]
) -> None:
    shop = FewShotClassifier(method, words, reject=0.05).fit(texts, labels)
    again = FewShotClassifier.load(shop.save(tmp_path / "bot"), encoder=words)
    for coverage in (0.5, 0.8, 0.9, 0.99):
        sets = shop.predict_set(texts, coverage)
        assert again.predict_set(texts, coverage) == sets
        assert {s.limited for s in sets} == {coverage <= 0.9}  # 9 examples


def test_a_method_with_one_training_has_sets_of_all_labels_together() -> None:
    """Its only split has a group of labels held out, too."""
    rng = np.random.default_rng(12)
    classes = np.repeat([0, 1, -1], 60)
    outputs = Outputs(rng.standard_normal((180, 2)), np.zeros((180, 1)))
    nothing = np.zeros((0, 1)), np.zeros(0, np.int64)
    conformity = conformity_of([HeldOut(*nothing, outputs, classes)])
    assert conformity
    assert len(conformity.probabilities) == 120
    assert not conformity.thresholds(0.8, 3)[1]
    outsiders = HeldOut(*nothing, outputs[classes < 0], classes[classes < 0])
    assert conformity_of([outsiders]) is None
