"""Pairs of texts on a frozen encoder: how alike they are is what is learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.errors import ArtifactError, DataError
from fsl_nlp.methods import build_method
from fsl_nlp.methods.frozen.reading import PairReader
from fsl_nlp.types import Example

SAME = [
    ("where is my parcel", "where has my package got to"),
    ("I want my money back", "please refund me"),
    ("I forgot my password", "I do not remember my password"),
]
OTHER = [
    ("where is my parcel", "please refund me"),
    ("I want my money back", "I do not remember my password"),
    ("I forgot my password", "where has my package got to"),
]
ASKED = [("how do I log in", "how can I sign in"), ("how do I log in", "my shoes are too big")]
ZH_SAME = [("我的快递到哪了", "帮我查一下快递"), ("我要退款", "请把钱退给我")]
ZH_OTHER = [("我的快递到哪了", "请把钱退给我"), ("我要退款", "密码忘了怎么办")]
ZH_ASKED = [("怎么修改密码", "密码如何更改"), ("怎么修改密码", "你们几点关门")]


def pairs(texts: list[tuple[str, str]]) -> list[Example]:
    return [Example(first, text_b=second) for first, second in texts]


def learned(method: str, encoder: TextEncoder, same: object, other: object) -> FewShotClassifier:
    examples = pairs([*same, *other])  # type: ignore[misc]
    labels = ["same"] * len(same) + ["other"] * len(other)  # type: ignore[arg-type]
    return FewShotClassifier(method, encoder).fit(examples, labels)


@pytest.mark.parametrize("method", ["linear", "proto", "knn", "auto"])
def test_it_learns_how_alike_texts_of_a_pair_must_be(english: TextEncoder, method: str) -> None:
    bot = learned(method, english, SAME, OTHER)
    assert bot.predict(pairs(ASKED)).tolist() == ["same", "other"]


def test_chinese(multilingual: TextEncoder) -> None:
    bot = learned("linear", multilingual, ZH_SAME, ZH_OTHER)
    assert bot.predict(pairs(ZH_ASKED)).tolist() == ["same", "other"]


def test_a_pair_is_read_as_the_angle_between_its_texts(words: TextEncoder) -> None:
    reader = PairReader(words)
    texts = [("red wine", "red wine"), ("red wine", "red beer"), ("red wine", "white beer")]
    found = reader.read(pairs(texts))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    one, other = words.encode("red wine"), words.encode("red beer")
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    np.testing.assert_allclose(found[:2, 0], [1, cosine], atol=1e-6)
    assert found[0, 0] > found[1, 0] > found[2, 0]
    assert reader.read([]).shape == (0, 2)


def test_it_is_saved_and_loaded(english: TextEncoder, tmp_path: Path) -> None:
    bot = learned("linear", english, SAME, OTHER)
    again = FewShotClassifier.load(bot.save(tmp_path / "bot"), encoder=english)
    np.testing.assert_allclose(
        again.predict_proba(pairs(ASKED)), bot.predict_proba(pairs(ASKED)), atol=1e-6
    )
    assert again.classify(pairs(ASKED)[0], nearest=1).nearest[0].label == "same"


def test_unlabelled_pairs_are_learned_from(english: TextEncoder) -> None:
    examples, labels = pairs([SAME[0], OTHER[0]]), ["same", "other"]
    bot = FewShotClassifier("linear", english)
    plain = bot.fit(examples, labels).predict_proba(pairs(ASKED))
    bot.fit(examples, labels, unlabelled=pairs([*SAME[1:], *OTHER[1:]]))
    assert bot.predict(pairs(ASKED)).tolist() == ["same", "other"]
    assert not np.allclose(np.log(bot.predict_proba(pairs(ASKED))), np.log(plain), rtol=0.01)


def test_what_does_not_fit_is_said(english: TextEncoder) -> None:
    bot = learned("linear", english, SAME, OTHER)
    with pytest.raises(
        DataError, match=r"texts\[0\] is a single text, .* on pairs of texts: 'hello'"
    ):
        bot.predict(["hello"])
    mixed = Dataset.from_examples(
        [Example("a", "x", text_b="b"), Example("c", "y"), Example("d", "x", text_b="e")]
    )
    with pytest.raises(DataError, match=r"\[1\] is a single text: 'c'. All must be of one kind"):
        FewShotClassifier("linear", english).fit_dataset(mixed)
    plain = FewShotClassifier("linear", english).fit(["hello there", "bye"], ["in", "out"])
    with pytest.raises(
        DataError, match=r"is a pair of texts, .* on single texts: 'how do I log in'"
    ):
        plain.predict(pairs(ASKED))
    marked = [Example("a b", label, text_b="c", head=(0, 1), tail=(2, 3)) for label in "xy"]
    with pytest.raises(
        DataError, match=r"take pairs of texts and texts with marked mentions: .* Use 'prompt'"
    ):
        FewShotClassifier("linear", english).fit_dataset(Dataset.from_examples(marked))
    with pytest.raises(DataError, match=r"learn from: \['z'\]. Give each an example: a desc"):
        FewShotClassifier("linear", english).fit(
            pairs(ASKED), ["x", "y"], descriptions={"z": "neither"}
        )
    with pytest.raises(
        DataError, match=r"'projection' does not take pairs of texts: 'a'. Use 'linear'"
    ):
        build_method("projection", english).prepare(
            Dataset.from_examples([Example("a", "x", text_b="b")] * 9), way=2, shot=1, query=1
        )


@pytest.mark.parametrize("others", [1, 3])
def test_auto_with_one_pair_of_a_label(english: TextEncoder, others: int) -> None:
    """A label's name says nothing of pairs, so what is all that does is not held out."""
    bot = learned("auto", english, SAME, OTHER[:others])
    assert bot.predict(pairs(ASKED)).tolist() == ["same", "other"]


def test_a_saved_one_notices_that_its_encoder_reads_otherwise(
    english: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = learned("linear", english, SAME, OTHER).save(tmp_path / "bot")
    encode = TextEncoder.encode
    monkeypatch.setattr(
        TextEncoder, "encode", lambda self, texts: encode(self, texts)[:, ::-1] ** 2
    )
    with pytest.raises(ArtifactError):
        FewShotClassifier.load(folder, encoder=english)


def test_nearest_are_those_whose_texts_are_alike(english: TextEncoder) -> None:
    bot = learned("linear", english, SAME, OTHER)
    near = bot.classify(Example("my password is lost", text_b="I cannot recall it"), nearest=1)
    assert near.nearest[0].text == "I forgot my password"


@pytest.mark.parametrize("method", ["linear", "proto", "knn", "gaussian", "ridge"])
def test_six_pairs_are_no_certainty(english: TextEncoder, method: str) -> None:
    bot = learned(method, english, SAME, OTHER)
    confidence = bot.predict_proba(pairs([*SAME, *OTHER, *ASKED])).max(1)
    assert confidence.mean() < 0.95
    calibration = bot.classifier_.calibration
    assert calibration is not None
    assert (calibration.how, calibration.held_out) == ("cross-fitted", 6)
    assert not calibration.supported


def test_chinese_pairs_are_no_certainty(multilingual: TextEncoder) -> None:
    bot = learned("linear", multilingual, ZH_SAME, ZH_OTHER)
    assert bot.predict_proba(pairs([*ZH_SAME, *ZH_OTHER, *ZH_ASKED])).max(1).mean() < 0.95
