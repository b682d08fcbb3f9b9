"""Edits by a few gradient steps, of meta-learned classifiers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fsl_nlp import Dataset, Example, FewShotClassifier, TextEncoder
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.meta.settings import TaskSize
from fsl_nlp.methods import build_method
from fsl_nlp.methods.meta.method import MetaMethod

from .conftest import LABELS, QUESTIONS, TEXTS

pytestmark = pytest.mark.filterwarnings("ignore:.* was meta-trained on")

Fitted = Callable[..., FewShotClassifier]

ROUNDS = (
    (["send my money back", "我的 快递 呢"], ["get_refund", "查询物流"]),
    (["is my account locked"], ["log_in"]),
    (["money money refund", "parcel parcel where"], ["get_refund", "track_order"]),
)


@pytest.fixture(scope="module")
def trained(words: TextEncoder, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`trained("anil")`: the folder of a short meta-training."""
    draw = np.random.default_rng(0)
    examples = [
        Example(" ".join(f"{c}word{i}" for i in draw.permutation(5)[:3]), f"intent {c}")
        for c in range(10)
        for _ in range(8)
    ]
    folders = tmp_path_factory.mktemp("meta")

    def train(method: str) -> Path:
        folder = folders / method
        if not folder.exists():
            options = {"meta_steps": 2, "check_every": 2, "check_tasks": 10, "meta_tasks": 2}
            learner = build_method(method, words, options={**options, "rank": 4})
            assert isinstance(learner, MetaMethod)
            source = Dataset.from_examples(examples, name="source")
            learner.meta_train([source], TaskSize((3, 3), (1, 1), 3), folder=folder)
        return folder

    return train


@pytest.fixture
def meta(words: TextEncoder, trained: Callable[..., Path]) -> Fitted:
    """`meta("anil")`: a meta-learned classifier of the shop."""

    def fit(method: str = "anil", **options: Any) -> FewShotClassifier:
        options.setdefault("reject", None)
        bot = FewShotClassifier(method, words, prepared=str(trained(method)), **options)
        return bot.fit(TEXTS, LABELS)

    return fit


def probabilities(bot: FewShotClassifier) -> NDArray[np.float64]:
    return bot.predict_proba(QUESTIONS)


@pytest.mark.parametrize("method", ["anil", "maml", "protomaml", "cavia"])
def test_steps_lead_towards_the_new_examples_and_can_be_undone(method: str, meta: Fitted) -> None:
    bot = meta(method)
    seen = [(bot.model_version_, len(bot.examples_), probabilities(bot))]
    for texts, labels in ROUNDS:
        before = bot.predict_proba(texts)
        edit = bot.adapt(texts, labels, steps=3)
        columns = [bot.classes_.tolist().index(label) for label in labels]
        rows = range(len(texts))
        after = bot.predict_proba(texts)[rows, columns]
        assert after.mean() > before[rows, columns].mean()
        assert (edit.action, edit.applied) == ("adapt", True)
        assert "3 steps" in edit.note
        seen.append((bot.model_version_, len(bot.examples_), probabilities(bot)))
    assert len({version for version, *_ in seen}) == len(seen)
    for version, count, expected in seen[-2::-1]:
        bot.undo()
        assert (bot.model_version_, len(bot.examples_)) == (version, count)
        np.testing.assert_allclose(probabilities(bot), expected, atol=1e-6)


def test_more_steps_go_further(meta: Fitted) -> None:
    texts, labels = ROUNDS[0]
    one, five = meta(), meta()
    start = weights(one)
    one.adapt(texts, labels, steps=1)
    five.adapt(texts, labels, steps=5)
    nearer, farther = (np.linalg.norm(weights(bot) - start) for bot in (one, five))
    assert 0 < 2 * nearer < farther
    assert one.model_version_ != five.model_version_


def weights(bot: FewShotClassifier) -> NDArray[np.float32]:
    """Of the head that adapts."""
    array: NDArray[np.float32] = bot.classifier_.state()[0]["head.weight"]
    return array


def test_the_confidence_of_stored_examples_stays(meta: Fitted) -> None:
    bot = meta()
    before = spread(bot)
    for texts, labels in ROUNDS:
        bot.adapt(texts, labels)
    assert np.linalg.norm(weights(bot)) > 1.5 * np.linalg.norm(weights(meta()))
    assert spread(bot) == pytest.approx(before, rel=0.05)


def spread(bot: FewShotClassifier) -> float:
    """How far the scores of the stored examples lie apart."""
    return float(bot.classifier_.scores([Example(text) for text in TEXTS]).std(1).mean())


def test_another_edit_learns_again_from_all_examples(meta: Fitted, words: TextEncoder) -> None:
    bot = meta()
    bot.adapt(*ROUNDS[0])
    bot.adapt(*ROUNDS[1])
    adapted = bot.model_version_, probabilities(bot)
    bot.add_examples(*ROUNDS[2])
    texts = [text for texts, _ in ((TEXTS, LABELS), *ROUNDS) for text in texts]
    labels = [label for _, labels in ((TEXTS, LABELS), *ROUNDS) for label in labels]
    fresh = FewShotClassifier("anil", words, prepared=bot.prepared, reject=None).fit(texts, labels)
    assert bot.model_version_ == fresh.model_version_
    np.testing.assert_allclose(probabilities(bot), probabilities(fresh), atol=1e-6)
    bot.undo()  # back to two adaptations in a row
    assert bot.model_version_ == adapted[0]
    np.testing.assert_allclose(probabilities(bot), adapted[1], atol=1e-6)


def test_saved_adaptations_can_be_undone_without_the_meta_training(
    meta: Fitted, words: TextEncoder, trained: Callable[..., Path], tmp_path: Path
) -> None:
    moved = shutil.copytree(trained("anil"), tmp_path / "meta")
    bot = FewShotClassifier("anil", words, prepared=str(moved), reject=0.1).fit(TEXTS, LABELS)
    start = bot.model_version_, bot.decision_, probabilities(bot)
    for texts, labels in ROUNDS:
        bot.adapt(texts, labels)
        bot.save(tmp_path / "bot")
    shutil.rmtree(moved)
    again = FewShotClassifier.load(tmp_path / "bot", encoder=words)
    np.testing.assert_allclose(probabilities(again), probabilities(bot), atol=1e-6)
    again.adapt(["the parcel of my account"], ["track_order"])
    assert again.history()[-1].to_dict()["steps"] == 5
    for _ in range(4):
        again.undo()
    assert again.model_version_ == start[0]
    np.testing.assert_allclose(probabilities(again), start[2], atol=1e-6)
    assert again.decision_ is not None
    assert start[1] is not None
    assert again.decision_.least_familiarity == pytest.approx(start[1].least_familiarity)
    name = again.add_label("pay", ["can I pay by card"]).model_version
    assert name == again.model_version_ != start[0]


def test_nothing_is_expected_of_an_adaptation(meta: Fitted) -> None:
    bot = meta(reject=0.1)
    threshold = bot.decision_
    edit = bot.adapt(*ROUNDS[0])
    assert edit.expected_before.accuracy is not None
    assert edit.expected_after.accuracy is None
    assert bot.history()[0].accuracy is None
    assert bot.decision_ is not None
    assert threshold is not None
    assert bot.decision_.least_familiarity == threshold.least_familiarity
    assert bot.add_examples(*ROUNDS[1]).expected_before.accuracy is None


def test_many_adaptations_in_a_row_and_a_forgotten_history(meta: Fitted) -> None:
    bot = meta()
    for number in range(25):
        bot.adapt([f"my parcel {number}"], ["track_order"], steps=1)
        if number == 2:
            bot.forget_history()
    before = bot.model_version_, probabilities(bot)
    bot.adapt(["refund"], ["get_refund"])
    bot.undo()
    assert bot.model_version_ == before[0]
    np.testing.assert_allclose(probabilities(bot), before[1], atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda b: b.adapt(["hi"], ["log_in"], steps=0), OptionError, "from 1 to 5"),
        (lambda b: b.adapt(["hi"], ["log_in"], steps=6), OptionError, "from 1 to 5"),
        (lambda b: b.adapt(["hi"], ["log_in"], steps=True), OptionError, "from 1 to 5"),
        (lambda b: b.adapt(["hi"], ["pay"]), DataError, "use add_label"),
        (lambda b: b.adapt([TEXTS[0]], [LABELS[0]]), DataError, "stored already"),
    ],
)
def test_an_impossible_adaptation_changes_nothing(
    call: Callable[[FewShotClassifier], object],
    error: type[Exception],
    message: str,
    meta: Fitted,
) -> None:
    bot = meta()
    version = bot.version_
    with pytest.raises(error, match=message):
        call(bot)
    assert bot.version_ is version


def test_other_methods_say_what_to_use_instead(meta: Fitted, fitted: Fitted) -> None:
    for bot in (fitted("linear"), meta("meta-baseline")):
        with pytest.raises(OptionError, match="Use add_examples"):
            bot.adapt(*ROUNDS[0])
