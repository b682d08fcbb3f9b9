"""Texts that are longer than the encoder reads are answered, and the answer says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fsl_nlp import Dataset, Example, FewShotClassifier, TextEncoder
from fsl_nlp.encoders.length import too_long_for
from fsl_nlp.errors import warn_once

WORDS = {"good": "满意", "bad": "退款"}
SETTINGS: dict[str, dict[str, Any]] = {
    "proto": {},
    "lora": {"epochs": 1, "targets": "all", "learning_rate": 0.01},
    "prompt": {"epochs": 1, "targets": "all", "template": "{text}这[MASK]。", "words": WORDS},
    "efl": {"epochs": 1, "targets": "all", "statement": "这[MASK]。", "words": WORDS},
    "together": {"members": "proto,linear"},
}
TEXTS, LABELS = ["很好很满意", "不好不好", "很好", "不满意"], ["good", "bad"] * 2


@pytest.fixture(scope="module")
def bert(masked: Callable[[str], TextEncoder]) -> TextEncoder:
    return masked("bert")


@pytest.mark.parametrize("method", list(SETTINGS))
def test_answers_say_that_a_text_was_cut(method: str, bert: TextEncoder) -> None:
    model = FewShotClassifier(method, bert, **SETTINGS[method]).fit(TEXTS, LABELS)
    answers = model.classify(["很好", "很好" * 200, " ", "the parcel came " * 30, "很" * 30])
    assert [answer.truncated for answer in answers] == [False, True, False, True, False]
    assert answers[1].to_dict()["truncated"] is True
    assert model.classify("很好" * 100_000).truncated


@pytest.mark.parametrize("method", ["proto", "full"])
def test_either_text_of_a_pair_may_be_cut(method: str, bert: TextEncoder) -> None:
    pairs = [Example(text, text_b="我的订单") for text in TEXTS]
    options = {"epochs": 1} if method == "full" else {}
    model = FewShotClassifier(method, bert, **options).fit(pairs, LABELS)
    long = "很好" * 40
    questions = [Example("很", text_b="好"), Example(long, text_b="好"), Example("很", text_b=long)]
    assert [answer.truncated for answer in model.classify(questions)] == [False, True, True]
    both = model.classify(Example("很" * 40, text_b="好" * 40))
    assert both.truncated == (method == "full")  # proto reads them one after the other


def test_just_what_is_cut_is_called_so(bert: TextEncoder) -> None:
    rng, alphabet = np.random.default_rng(0), [*"很好abc 🙂é.\t\0", "parcel ", "㎏"]
    texts = ["".join(rng.choice(alphabet, rng.integers(40, 120))) for _ in range(500)]
    ids = bert.tokenize(texts, verbose=False)["input_ids"]
    expected = [len(row) > bert.pooling.max_length for row in ids]
    assert too_long_for(bert, texts) == expected
    assert 50 < sum(expected) < 450


def test_training_texts_that_were_cut_are_noted(
    bert: TextEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    warn_once.cache_clear()
    FewShotClassifier("proto", bert).fit(TEXTS, LABELS)
    assert caplog.messages == []
    long = [TEXTS[0], "不好" * 90, "很好" * 90, TEXTS[3]]
    FewShotClassifier("proto", bert).fit_dataset(Dataset.from_texts(long, LABELS))
    assert caplog.messages == [
        "2 texts are too long, so only a part was read. The first is texts[1]: "
        f"{('不好' * 20)!r}... Shorten it, or use an encoder that reads more."
    ]
