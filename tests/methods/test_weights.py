"""`sample_weight` and `class_weight`: how much texts and labels count in a training."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.utils.class_weight import compute_class_weight

import fsl_nlp
from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.evaluation.batched import score_in_batches
from fsl_nlp.heads import HEADS, head_class
from fsl_nlp.inputs.support import WEIGHTS
from fsl_nlp.methods import build_method, method_class
from fsl_nlp.methods.weights import TrainingWeights
from fsl_nlp.training.losses import class_weights
from fsl_nlp.types import Example

from ..command_line import Result

TEXTS = ["red wine", "dark red", "red car", "pale red", "blue sea", "blue car", "grey sea"]
LABELS = ["red", "red", "red", "red", "blue", "blue", "blue"]
# "red" four times, and "blue" once and a half.
UNEQUAL = TEXTS[:5] + TEXTS[5:6]
UNEQUAL_LABELS = LABELS[:6]
ASKED = ["a red one", "a blue one", "car", "sea", "wine", "包裹 grey"]
# Without the label's name a training has the texts alone, and without a temperature no folds.
PLAIN: dict[str, Any] = {"label_names": False, "temperature": 1.0}

# The heads that fit a bot by themselves.
READY = [name for name in HEADS if head_class(name)().ready and not head_class(name).transductive]
EXACT = ("proto", "simpleshot", "gaussian", "matching", "ridge")


def answers(
    method: str,
    encoder: TextEncoder,
    texts: Sequence[str] = TEXTS,
    labels: Sequence[Any] = LABELS,
    sample_weight: Any = None,
    **options: Any,
) -> NDArray[np.float64]:
    """The probabilities of `ASKED`."""
    model = FewShotClassifier(method, encoder, **{**PLAIN, **options})
    return model.fit(texts, labels, sample_weight=sample_weight).predict_proba(ASKED)


# What weights mean


@pytest.mark.parametrize("method", ["proto", "head"])
def test_a_text_of_weight_two_counts_as_two(
    method: str, words: TextEncoder, english: TextEncoder
) -> None:
    encoder = english if method == "head" else words
    twice = answers(method, encoder, [*TEXTS, TEXTS[0]], [*LABELS, LABELS[0]])
    weighted = answers(method, encoder, sample_weight=[2, 1, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(weighted, twice, atol=1e-5)
    assert np.abs(weighted - answers(method, encoder)).max() > 1e-4


@pytest.mark.parametrize("class_weight", ["balanced", None])
def test_regression_counts_it_twice_at_the_same_total(
    class_weight: str | None, words: TextEncoder
) -> None:
    """The total stays the number of texts: 7 for the weights, 8 for the copy."""
    twice = answers(
        "linear",
        words,
        [*TEXTS, TEXTS[0]],
        [*LABELS, LABELS[0]],
        C=10 * 7 / 8,
        class_weight=class_weight,
    )
    weight = [2, 1, 1, 1, 1, 1, 1]
    weighted = answers("linear", words, sample_weight=weight, C=10, class_weight=class_weight)
    np.testing.assert_allclose(weighted, twice, atol=1e-4)
    assert np.abs(weighted - answers("linear", words, C=10)).max() > 1e-3


@pytest.mark.parametrize("method", ["linear", "knn", *EXACT])
def test_a_text_of_weight_zero_is_left_out(method: str, words: TextEncoder) -> None:
    options = {"temperature": None}  # the folds are those without it
    without = FewShotClassifier(method, words, **options).fit(TEXTS[1:], LABELS[1:])
    model = FewShotClassifier(method, words, **options)
    model.fit(TEXTS, LABELS, sample_weight=[0, *[0.3] * 6])
    assert len(model.examples_) == 6
    np.testing.assert_allclose(model.predict_proba(ASKED), without.predict_proba(ASKED), atol=1e-6)


@pytest.mark.parametrize("method", ["linear", "knn", *EXACT])
def test_only_the_ratios_matter(method: str, words: TextEncoder) -> None:
    """For the names of labels, too: they count as much as the mean text."""
    weight = np.array([3, 1, 1, 2, 1, 0.5, 1])
    names = {"label_names": True}
    before = answers(method, words, sample_weight=weight, **names)
    np.testing.assert_allclose(
        answers(method, words, sample_weight=weight * 1e-3, **names), before, atol=1e-5
    )
    equal = answers(method, words, sample_weight=[5] * 7)
    np.testing.assert_array_equal(equal, answers(method, words))


@pytest.mark.parametrize("method", READY)
def test_every_head_follows_the_weights(method: str, words: TextEncoder) -> None:
    changed = answers(method, words, sample_weight=[9, 1, 1, 1, 1, 1, 1]) - answers(method, words)
    assert changed[ASKED.index("wine"), 1] > 0  # "red"


@pytest.mark.parametrize("method", ["linear", "head"])
def test_balanced_is_the_weights_of_scikit_learn(
    method: str, words: TextEncoder, english: TextEncoder
) -> None:
    encoder = english if method == "head" else words
    labels = sorted(set(UNEQUAL_LABELS))
    balanced = compute_class_weight("balanced", classes=np.array(labels), y=UNEQUAL_LABELS)
    explicit = dict(zip(labels, 7 * balanced, strict=True))  # the factor does not matter

    def fit(class_weight: Any) -> NDArray[np.float64]:
        return answers(method, encoder, UNEQUAL, UNEQUAL_LABELS, class_weight=class_weight)

    np.testing.assert_allclose(fit(explicit), fit("balanced"), atol=1e-5)
    assert np.abs(fit(None) - fit("balanced")).max() > 1e-3
    np.testing.assert_array_equal(fit(None), fit({"blue": 1.0}))
    assert fit({"blue": 5})[ASKED.index("car"), 0] > fit(None)[ASKED.index("car"), 0]


def test_class_weights_come_on_top_of_those_of_texts() -> None:
    support = Dataset.from_examples(
        [Example("a", "x", weight=4), Example("b", "x"), Example("c", "y")]
    )
    weights = TrainingWeights.of(support, [0, 0, 1], {"y": 2})
    np.testing.assert_allclose(weights.total([0, 0, 1]), np.array([4, 1, 2]) * 3 / 7, rtol=1e-6)
    even = class_weights(torch.tensor([0, 0, 1]), 2, torch.tensor([4.0, 1.0, 1.0]))
    torch.testing.assert_close(even, torch.tensor([2.4, 0.6, 3.0]))


@pytest.mark.parametrize("method", ["linear", "head"])
def test_unlabelled_texts_are_learned_beside_weights(method: str, english: TextEncoder) -> None:
    def fit(**options: Any) -> NDArray[np.float64]:
        weight = options.pop("sample_weight", None)
        model = FewShotClassifier(method, english, **PLAIN, **options)
        unlabelled = ["light red", "sky blue", "green"]
        model.fit(TEXTS, LABELS, sample_weight=weight, unlabelled=unlabelled)
        return model.predict_proba(ASKED)

    plain = fit()
    assert (fit(class_weight={"blue": 9})[:, 0] > plain[:, 0]).all()
    assert np.abs(fit(sample_weight=[9, 1, 1, 1, 1, 1, 1]) - plain).max() > 1e-3
    np.testing.assert_allclose(fit(sample_weight=[2] * 7), plain, atol=1e-6)


def test_together_hands_them_to_its_members(words: TextEncoder) -> None:
    def fit(members: str, **options: Any) -> NDArray[np.float64]:
        model = FewShotClassifier("together", words, members=members, **options)
        weight = [2, 1, 1, 1, 1, 1, 1]
        return model.fit(TEXTS, LABELS, sample_weight=weight).predict_proba(ASKED)

    both = "linear, linear"
    assert (fit(both, class_weight={"blue": 9})[:, 0] > fit(both)[:, 0]).all()
    with pytest.raises(OptionError, match="method 'proto' has no option 'class_weight'"):
        fit("linear, proto", class_weight=None)
    mixed = FewShotClassifier("together", words, members="proto, maml")
    with pytest.raises(OptionError, match="method 'maml' does not use it"):
        mixed.fit(TEXTS, LABELS, sample_weight=range(1, 8))


def test_auto_compares_with_the_weights(words: TextEncoder) -> None:
    """Texts that no method gets right count little."""
    texts, labels = [*TEXTS, "a red ball", "the blue sky"], [*LABELS, "blue", "red"]
    auto = FewShotClassifier("auto", words, label_names=False)
    assert (plain := auto.fit(texts, labels).report_)
    assert (weighted := auto.fit(texts, labels, sample_weight=[1] * 7 + [0.01] * 2).report_)
    assert (plain.candidates[0].accuracy or 0) + 0.1 < (weighted.candidates[0].accuracy or 0)
    # Only methods with the option are compared.
    report = clone(auto).set_params(class_weight=None).fit(texts, labels).report_
    assert report
    assert [c.method for c in report.candidates] == ["linear"]


@pytest.mark.parametrize("sample", ["support_en", "support_zh"])
def test_balanced_finds_more_of_a_small_class(
    sample: str, english: TextEncoder, multilingual: TextEncoder
) -> None:
    encoder = english if sample == "support_en" else multilingual
    train, test = fsl_nlp.load_dataset(sample), fsl_nlp.load_dataset(f"{sample}:test")
    large, small = train.targets[0], train.targets[12]
    texts = {label: [e.text for e in train if e.label == label] for label in (large, small)}
    chosen = [*texts[large], *texts[small][:2]]
    labels = [large] * len(texts[large]) + [small] * 2

    def recall(class_weight: str | None) -> float:
        model = FewShotClassifier("linear", encoder, class_weight=class_weight)
        asked = [e.text for e in test if e.label == small]
        return float(np.mean(model.fit(chosen, labels).predict(asked) == small))

    assert recall("balanced") > recall(None) + 0.1


# Who takes them, and what is refused


@pytest.mark.parametrize("method", ["maml", "pet", "zero-shot", "efl", "prompt"])
def test_a_method_without_weights_names_others(method: str, words: TextEncoder) -> None:
    assert WEIGHTS not in method_class(method).learns_from(method)
    support = Dataset.from_examples([Example("a", "x", weight=2), Example("b", "y")])
    with pytest.raises(OptionError, match=rf"method '{method}' does not use it.* 'linear' or "):
        build_method(method, words).fit(support)


def test_a_method_without_the_option_names_others(words: TextEncoder) -> None:
    with pytest.raises(OptionError, match=r"'linear', 'lora', .* have an option of this name"):
        answers("proto", words, class_weight="balanced")


def test_candidates_take_no_weights(words: TextEncoder) -> None:
    texts = [Example("it is #idiom#", candidates=("red", "blue")) for _ in range(2)]
    model = FewShotClassifier("proto", words, blank="#idiom#")
    model.fit(texts, [0, 1], sample_weight=[1, 1])
    with pytest.raises(OptionError, match="where texts have candidates"):
        model.fit(texts, [0, 1], sample_weight=[1, 2])


def test_episodes_take_no_weights(words: TextEncoder) -> None:
    data = Dataset.from_texts(TEXTS, LABELS)
    table = EpisodeTable.sample(data, way=2, shot=1, query=1, episodes=2, seed=0)
    with pytest.raises(OptionError, match="no class_weight of labels"):
        score_in_batches(
            build_method("linear", words, options={"class_weight": {"red": 2}}),  # type: ignore[arg-type]
            data,
            table,
        )


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 2], "sample_weight has 2 entries and texts has 7; each text needs a weight"),
        ([1, 1, -1, 1, 1, 1, 1], r"sample_weight[2] must be a number from 0 to 1e+09, got int"),
        ([1, 1, 1, float("nan"), 1, 1, 1], "sample_weight[3] must be a number from 0"),
        ([float("inf")] * 7, "sample_weight[0] must be a number from 0"),
        ([10**400] * 7, "sample_weight[0] must be a number from 0"),
        ([True] * 7, "sample_weight[0] must be a number from 0 to 1e+09, got bool True"),
        (["1"] * 7, "sample_weight[0] must be a number from 0 to 1e+09, got str '1'"),
        (np.zeros(7), "sample_weight is 0 for every text, so there is nothing to learn from"),
        ([0, 0, 0, 0, 1, 1, 1], "All texts of the label 'red' have the weight 0"),
        ([1e-9, 1, 1, 1, 1, 1, 1], "sample_weight[0]=1e-09 is less than a millionth of the"),
        (np.ones((7, 1)), "sample_weight must have one dimension, got shape (7, 1)"),
        (2, "sample_weight must be a list"),
    ],
)
def test_weights_of_texts_are_checked(weight: Any, message: str, words: TextEncoder) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        answers("linear", words, sample_weight=weight)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("even", "class_weight='even': must be 'balanced', None or a mapping such as {\"refund\""),
        (2, "class_weight=2: must be 'balanced', None or a mapping"),
        ({"red": -1}, "class_weight['red']=-1: must be greater than 0"),
        ({"red": "2"}, "class_weight['red']='2': must be greater than 0"),
        ({"red": float("nan")}, "class_weight['red']=nan: must be 0 or a number from"),
        ({"rad": 2}, "class_weight['rad'] is for no label of the texts. Did you mean red?"),
        ({"绿": 2}, "class_weight['绿'] is for no label of the texts. Labels: blue, red."),
    ],
)
def test_weights_of_labels_are_checked(class_weight: Any, message: str, words: TextEncoder) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        answers("linear", words, class_weight=class_weight)


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("labels", "class_weight"),
    [
        (LABELS, {Colour.BLUE: 9}),
        ([3] * 4 + [1] * 3, {"1": 9}),  # as the command line and a saved bot have them
        ([3] * 4 + [1] * 3, {1: np.int64(9)}),
        (["红"] * 4 + ["蓝"] * 3, {"蓝": 9}),
        (["x"] * 4 + [1] * 3, {"x": 1, 1: 9}),
    ],
)
def test_labels_are_matched_and_saved(
    labels: list[Any], class_weight: Any, words: TextEncoder, tmp_path: Path
) -> None:
    first = answers("linear", words, labels=labels, class_weight=class_weight)
    plain = answers("linear", words, labels=labels, class_weight=None)
    assert np.abs(first - plain).max() > 0.01
    model = FewShotClassifier("linear", words, class_weight=class_weight, **PLAIN)
    model.fit(TEXTS, labels)
    loaded = FewShotClassifier.load(model.save(tmp_path / "bot"), encoder=words)
    assert loaded.model_version_ == model.model_version_
    again = loaded.fit(TEXTS, labels)
    assert again.model_version_ == model.model_version_
    np.testing.assert_array_equal(again.predict_proba(ASKED), first)


# Around it


def test_the_version_tells_of_both(words: TextEncoder) -> None:
    def version(sample_weight: Any = None, **options: Any) -> str:
        model = FewShotClassifier("linear", words, **options)
        return model.fit(TEXTS, LABELS, sample_weight=sample_weight).model_version_

    assert version() == version([1.0] * 7)
    others = [version([2, 1, 1, 1, 1, 1, 1]), version(class_weight=None)]
    others += [version(class_weight={"red": 2}), version(class_weight={"red": 3})]
    assert len({version(), *others}) == 5


def test_weights_are_stored_with_the_examples(words: TextEncoder, tmp_path: Path) -> None:
    model = FewShotClassifier("proto", words)
    model.fit(TEXTS, [1] * 4 + [2] * 3, sample_weight=[2, 1, 1, 1, 1, 1, 0.5])
    loaded = FewShotClassifier.load(model.save(tmp_path / "bot"), encoder=words)
    assert loaded.examples_ == model.examples_
    assert [e.weight for e in loaded.examples_] == [2, 1, 1, 1, 1, 1, 0.5]
    again = FewShotClassifier("proto", words).fit_dataset(Dataset.from_examples(loaded.examples_))
    assert again.model_version_ == model.model_version_
    (lines,) = [path.read_text("utf-8") for path in (tmp_path / "bot").glob("examples-*")]
    stored = [json.loads(line) for line in lines.splitlines()]
    assert [example.get("weight") for example in stored] == [2, *[None] * 5, 0.5]
    assert stored[1]["label"] == 1


def test_scikit_learn_hands_them_on(words: TextEncoder) -> None:
    model = FewShotClassifier("linear", words, class_weight={"red": 2}, label_names=False)
    assert clone(model).get_params()["class_weight"] == {"red": 2}
    weight = np.array([0, 1, 1, 1, 1, 1, 1])
    result = cross_validate(
        model, TEXTS, LABELS, cv=2, params={"sample_weight": weight}, return_estimator=True
    )
    assert sorted(len(fitted.examples_) for fitted in result["estimator"]) == [3, 3]  # of 3 and 4
    search = GridSearchCV(model, {"class_weight": ["balanced", None, {"blue": 3}]}, cv=2)
    search.fit(TEXTS, LABELS, sample_weight=weight)
    assert len(search.best_estimator_.examples_) == 6


def test_the_old_name_of_the_option(words: TextEncoder) -> None:
    with pytest.warns(DeprecationWarning, match="'balance' is now 'class_weight'"):
        old = build_method("lora", words, options={"balance": False})
    assert old == build_method("lora", words, options={"class_weight": None})
    with pytest.warns(DeprecationWarning, match="is now 'class_weight'"):
        assert build_method("lora", words, options={"balance": True}) == build_method("lora", words)


def test_on_the_command_line(run: Callable[..., Result], tmp_path: Path) -> None:
    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    (file := tmp_path / "train.csv").write_text("\n".join(["text,label", *rows]), "utf-8")
    fit = ("fit", file, "--encoder", "embedded:en", "--method", "linear", "--out")
    option = 'class_weight={"blue": 3}'
    done = run(*fit, tmp_path / "bot", "--option", option)
    assert done.status == 0, done.err
    loaded = FewShotClassifier.load(tmp_path / "bot")
    assert loaded.get_params()["class_weight"] == {"blue": 3}
    assert run(*fit, tmp_path / "b", "--option", "class_weight=balanced").status == 0
    wrong = run(*fit, tmp_path / "c", "--option", 'class_weight={"blu": 3}')
    assert wrong.status
    assert "class_weight['blu'] is for no label of the texts. Did you mean blue?" in wrong.err
    shown = run("methods", "linear")
    assert "example weights" in shown.out
    assert "class_weight" in shown.out
