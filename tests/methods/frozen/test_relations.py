"""A classifier of more than plain texts: sentences with two mentions, through the public API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fsl_nlp import Example, FewShotClassifier, TextEncoder
from fsl_nlp.errors import DataError

FOUNDED = [("Anna", "Acme"), ("Bo Li", "Nordbank"), ("Maria", "Tesso"), ("王芳", "华星")]
BORN = [("Anna", "Oslo"), ("Bo Li", "Lima"), ("Maria", "Rome"), ("王芳", "上海")]


def sentence(head: str, middle: str, tail: str) -> Example:
    text = f"{head} {middle} {tail}."
    start = len(head) + len(middle) + 2
    return Example(text, head=(0, len(head)), tail=(start, start + len(tail)))


def relations() -> tuple[list[Example], list[str]]:
    examples = [sentence(a, "founded the company", b) for a, b in FOUNDED]
    examples += [sentence(a, "was born in", b) for a, b in BORN]
    return examples, ["founder"] * len(FOUNDED) + ["birthplace"] * len(BORN)


@pytest.mark.parametrize("method", ["proto", "linear"])
def test_relations_are_learned_saved_and_asked(
    english: TextEncoder, tmp_path: Path, method: str
) -> None:
    examples, labels = relations()
    bot = FewShotClassifier(method, english).fit(examples, labels)
    queries = [sentence("Tom", "started the firm", "Ziggo"), sentence("Tom", "grew up in", "Paris")]
    assert bot.predict(queries).tolist() == ["founder", "birthplace"]
    loaded = FewShotClassifier.load(bot.save(tmp_path / "bot"))
    np.testing.assert_allclose(loaded.predict_proba(queries), bot.predict_proba(queries), atol=1e-3)
    assert loaded.examples_ == bot.examples_
    assert loaded.examples_[0].tail == (25, 29)
    (near,) = loaded.classify(queries[1], nearest=1).nearest
    assert near.label == "birthplace"
    with pytest.raises(DataError, match=r"is a single text, .* on texts with marked mentions"):
        loaded.predict(["Tom started Ziggo."])


def test_plain_texts_and_examples_say_the_same(english: TextEncoder) -> None:
    texts = ["where is my parcel", "my order is late", "refund me", "我要退款"]
    labels = ["track", "track", "refund", "refund"]
    plain = FewShotClassifier("linear", english).fit(texts, labels)
    wrapped = FewShotClassifier("linear", english).fit([Example(t) for t in texts], labels)
    assert plain.model_version_ == wrapped.model_version_
    assert plain.classify(texts[0]) == wrapped.classify(Example(texts[0]))
