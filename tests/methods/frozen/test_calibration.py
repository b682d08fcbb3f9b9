"""Frozen classifiers say how they were calibrated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.decision.calibration import Calibration, calibration_error
from fsl_nlp.heads import HEADS, head_class
from fsl_nlp.heads.base import pack
from fsl_nlp.heads.knn import KnnHead
from fsl_nlp.methods import build_method
from fsl_nlp.methods.frozen.temperature import cross_fit_temperature

TEXTS = ["where is my parcel", "my order has not come", "I want my money back", "refund me"]
ZH_TEXTS = ["我的快递到哪了", "帮我查一下快递", "我要退款", "请把钱退给我"]
LABELS = ["track", "track", "refund", "refund"]
SINGLE = [n for n in HEADS if head_class(n)().ready and not head_class(n).transductive]


def noisy(count: int, each: int, seed: int) -> tuple[np.ndarray, list[int]]:
    """So many classes around random centres that overlap; vectors [count * each, 16]."""
    centres = np.random.default_rng(9).normal(size=(count, 16))
    classes = np.repeat(np.arange(count), each)
    noise = np.random.default_rng(seed).normal(size=(count * each, 16))
    return (centres[classes] + 1.0 * noise).astype(np.float32), classes.tolist()


@pytest.mark.parametrize("each", [2, 5])
@pytest.mark.parametrize("name", SINGLE)
def test_confidence_is_calibrated_from_two_examples_a_class(name: str, each: int) -> None:
    """Fails where the temperature is learned in the units of the heads that held examples out."""
    rows, classes = noisy(40, each, 0)
    vectors, weights, positions = pack(rows, classes, 40)
    head = head_class(name)()
    state = head.fit(vectors, weights)
    calibration = cross_fit_temperature(head, state, vectors, weights, positions, 0)
    queries, targets = noisy(40, 50, 1)
    scores = head.score(state, torch.from_numpy(queries)[None])[0]
    probabilities = (scores / calibration.temperature).softmax(-1).numpy()
    assert calibration.held_out == 40 * each
    assert calibration_error(probabilities, np.array(targets)) < 0.12


@pytest.mark.parametrize("texts", [TEXTS, ZH_TEXTS])
def test_the_calibration_is_saved(
    multilingual: TextEncoder, texts: list[str], tmp_path: Path
) -> None:
    bot = FewShotClassifier("linear", multilingual).fit(texts, LABELS)
    saved = bot.classifier_.calibration
    assert saved is not None
    assert (saved.how, saved.held_out, saved.supported) == ("cross-fitted", 4, False)
    loaded = FewShotClassifier.load(bot.save(tmp_path / "bot"), encoder=multilingual)
    assert loaded.classifier_.calibration == saved
    np.testing.assert_allclose(loaded.predict_proba(texts), bot.predict_proba(texts), atol=1e-6)


def test_a_classifier_without_a_record_is_restored(words: TextEncoder) -> None:
    """As old versions saved it."""
    method = build_method("knn", words)
    fitted = method.fit(Dataset.from_texts(TEXTS, LABELS))
    tensors, settings = fitted.state()
    del settings["calibration"], tensors["offset"]
    old = method.restore(fitted.labels, tensors, settings)
    assert old.calibration is None
    # No offset: a share may be below it.
    shares = old.scores(Dataset.from_texts(TEXTS, LABELS).examples) * settings["temperature"]
    assert (
        shares.min()
        < np.log(0.05)
        < fitted.scores(Dataset.from_texts(TEXTS, LABELS).examples).min() * settings["temperature"]
    )


def test_where_the_temperature_comes_from(words: TextEncoder) -> None:
    support = Dataset.from_texts(TEXTS, LABELS)
    fixed = build_method("proto", words, options={"temperature": 2.0}).fit(support)
    assert fixed.calibration == Calibration(2.0, 0, "option")
    single = Dataset.from_texts(TEXTS[1:3], LABELS[1:3])
    nameless = {"label_names": False}
    default = build_method("proto", words, options=nameless).fit(single).calibration
    assert default is not None
    assert (default.how, default.held_out, default.error) == ("default", 0, None)
    more = support.with_unlabelled([replace(e, label=None) for e in support.examples])
    refitted = build_method("proto", words).fit(more).calibration
    assert refitted is not None
    assert refitted.how == "unlabelled texts"


def test_a_class_without_a_vote_is_not_ruled_out() -> None:
    vectors, weights, _ = pack(np.eye(8, dtype=np.float32), [0, 1] + [2] * 6, 3)
    head = KnnHead(k=1)
    probabilities = head.score(head.fit(vectors, weights), torch.eye(8)[None])[0].softmax(-1)
    assert probabilities.min() > 0.01
