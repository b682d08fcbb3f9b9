"""Classifiers that say when they do not know, in both languages, with torch and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsl_nlp import Example, FewShotClassifier, TextEncoder, load_dataset
from fsl_nlp.runtime import Bot

ASKED = {
    "support_en": ("hi, where is my parcel? it should have come on monday", "track_order"),
    "support_zh": ("我的包裹到哪了？物流三天没更新", "查询物流"),
}
OUTSIDE = {
    "support_en": ["what's the capital of Australia?", "for i in range(10): print(i)"],
    "support_zh": ["明天北京会下雨吗？", "给我讲个笑话"],
}


@pytest.fixture(scope="module", params=list(ASKED))
def sample(
    request: Any, english: TextEncoder, multilingual: TextEncoder
) -> tuple[str, FewShotClassifier]:
    encoder = english if request.param == "support_en" else multilingual
    data = load_dataset(request.param)
    return request.param, FewShotClassifier("proto", encoder).fit(data.texts, data.targets)


def test_what_nobody_taught_is_not_answered(sample: tuple[str, FewShotClassifier]) -> None:
    name, classifier = sample
    for answer in classifier.classify(OUTSIDE[name]):
        assert (answer.label, answer.reason) == (None, "out_of_scope")
        assert answer.in_scope is not None
        assert answer.in_scope < 0.2
        assert len(answer.alternatives) == 3  # the best label is the first


def test_a_true_question_is_answered(sample: tuple[str, FewShotClassifier]) -> None:
    name, classifier = sample
    question, label = ASKED[name]
    answer = classifier.classify(question)
    assert (answer.label, answer.reason) == (label, "ok")
    assert answer.in_scope is not None
    assert answer.in_scope > 0.5


def test_most_held_out_sentences_are_answered(sample: tuple[str, FewShotClassifier]) -> None:
    expected = sample[1].decision_.expected
    assert expected is not None
    assert 0.9 < expected.answered.value < 1
    assert expected.accuracy.value > 0.7


def test_a_bot_without_torch_decides_the_same(
    sample: tuple[str, FewShotClassifier], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    name, classifier = sample
    bot = Bot.load(classifier.save(tmp_path / "bot"))
    asked = [*OUTSIDE[name], ASKED[name][0], ""]
    for here, there in zip(classifier.classify(asked), bot.classify(asked), strict=True):
        assert (here.label, here.reason) == (there.label, there.reason)
        assert here.in_scope == pytest.approx(there.in_scope, abs=0.02)
    again = FewShotClassifier.load(tmp_path / "bot", encoder=classifier.encoder_)
    assert again.classify(OUTSIDE[name][0]).label is None


def test_predict_always_gives_a_label(sample: tuple[str, FewShotClassifier]) -> None:
    name, classifier = sample
    assert set(classifier.predict(OUTSIDE[name])) <= set(classifier.classes_)


def test_none_rejects_nothing_and_takes_no_longer(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    classifier = FewShotClassifier("proto", english, reject=None).fit(texts, labels)
    assert classifier.decision_ is None
    answer = classifier.classify("what's the capital of Australia?")
    assert (answer.reason, answer.in_scope) == ("ok", None)
    assert answer.label is not None


def test_texts_like_outsiders_that_are_given_are_turned_away(english: TextEncoder) -> None:
    """Near ones: of a label that the bot does not have."""
    data = load_dataset("support_en")
    rows = list(zip(data.texts, data.targets, strict=True))
    near = [text for text, label in rows if label == "change_address"]
    taught = [(text, label) for text, label in rows if label != "change_address"]
    texts, labels = map(list, zip(*taught, strict=True))

    def answered(outsiders: list[str]) -> float:
        classifier = FewShotClassifier("linear", english).fit(texts, labels, outsiders=outsiders)
        return float(np.mean([a.label is not None for a in classifier.classify(near[6:])]))

    assert answered(near[:6]) < answered([])


def test_pairs_have_no_scope(words: TextEncoder) -> None:
    pairs = [Example(f"red {i}", text_b=f"red {i}") for i in range(4)]
    pairs += [Example(f"red {i}", text_b=f"blue {i}") for i in range(4)]
    classifier = FewShotClassifier("linear", words).fit(pairs, ["same"] * 4 + ["other"] * 4)
    assert classifier.decision_ is None
    assert classifier.classify(Example("red 9", text_b="red 9")).reason == "ok"
