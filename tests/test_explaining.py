"""The words that an answer rests on are named, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fsl_nlp import Example, FewShotClassifier, TextEncoder
from fsl_nlp.errors import OptionError
from fsl_nlp.explaining import influences, without, words
from fsl_nlp.types import Influence

ALPHABET = [
    *"ab 退款发票了,.。\n'-",
    "parcel ",
    "don't",
    "🙂",
    "\0",
    "👨\u200d👩",
    "e\u0301",
    "한국",
    "T恤",
]


class Keyword:
    """Stands for a classifier: sure of its first label where the text has a word."""

    def __init__(self, word: str, against: str = "\ue000") -> None:
        self.word, self.against = word, against
        self.asked: list[list[str]] = []

    def __call__(self, texts: list[str]) -> NDArray[np.float64]:
        self.asked.append(texts)
        sure = [0.9 if self.word in text else 0.6 for text in texts]
        sure = [s - 0.3 * (self.against in t) for s, t in zip(sure, texts, strict=True)]
        return np.array([[s, (1 - s) / 2, (1 - s) / 2] for s in sure])


def first(why: Sequence[Influence]) -> str:
    return max(why, key=lambda word: word.change).text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("where is my parcel, please?", "parcel"),
        ("I don't want it", "don't"),
        ("可以开发票吗？", "发票"),
        ("我的T恤, the XL one", "XL"),
        ("the lamp is broken 😡", "😡"),
    ],
)
def test_the_word_that_decides_is_named(text: str, word: str) -> None:
    ask = Keyword(word)
    why = influences(text, ask, corpus="发票 要发票 电子发票")
    assert first(why) == word
    assert [w.text for w in why if w.change > 0.01] == [word]
    assert len(ask.asked) == 1  # one batch


def test_a_word_that_speaks_against_the_label_is_below_zero() -> None:
    why = influences("my parcel was cancelled", Keyword("parcel", against="cancelled"))
    changes = {word.text: word.change for word in why}
    assert changes["cancelled"] < -1 < 0 < changes["parcel"]
    assert changes["my"] == pytest.approx(0)


def test_the_odds_of_a_sure_answer_still_change() -> None:
    """Probabilities that round to 1 in print, or even in memory."""

    def ask(texts: list[str]) -> NDArray[np.float64]:
        other = [1e-40 if "parcel" in text else 1e-20 for text in texts]
        return np.array([[1.0, small] for small in other])

    changes = {word.text: word.change for word in influences("my parcel", ask)}
    assert changes == {"my": pytest.approx(0), "parcel": pytest.approx(np.log(1e20))}


def test_any_text_has_bounded_words_in_order() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        text = "".join(rng.choice(ALPHABET, rng.integers(0, 150)))
        spans = words(text, "退款 退款 发票 发票")
        assert len(spans) <= 60
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        why = influences(text, Keyword("parcel"), "退款 退款 发票 发票")
        assert all(word.text == text[word.start : word.end].strip() != "" for word in why)
        for span in spans:
            kept = without(text, span)
            assert kept.replace(" ", "") == (text[: span[0]] + text[span[1] :]).replace(" ", "")


@pytest.mark.parametrize("piece", ["word ", "退款", "x", "\u200b"])
def test_a_huge_text_is_asked_about_in_one_small_batch(piece: str) -> None:
    ask = Keyword("parcel")
    text = "parcel " + piece * (300_000 // len(piece))
    why = influences(text, ask)
    assert len(why) <= 60
    assert all(len(batch) <= 61 for batch in ask.asked)
    if why:
        assert first(why).startswith("parcel")


@pytest.mark.parametrize("text", ["", "  ", "refund", "款", "...", "refund!!"])
def test_less_than_two_words_have_no_influences(text: str) -> None:
    assert influences(text, Keyword("refund")) == ()


def test_the_words_of_english_questions(shop: FewShotClassifier) -> None:
    for text, word in {
        "could you tell me where the parcel is": "parcel",
        "hello, I would like a refund": "refund",
        "oh no, the password is gone again": "password",
    }.items():
        answer = shop.classify(text, why=True)
        assert first(answer.why) == word
        for other in (
            shop.classify([text, "hi"], why=True)[0],
            next(shop.stream([text], why=True)),
        ):
            assert [w.text for w in other.why] == [w.text for w in answer.why]
            assert [w.change for w in other.why] == pytest.approx(
                [w.change for w in answer.why], abs=0.2
            )
        assert not shop.classify(text).why
        assert answer.to_dict()["why"][0].keys() == {"text", "start", "end", "change"}


def test_the_words_of_chinese_questions(multilingual: TextEncoder) -> None:
    texts = {
        "查询物流": ["我的快递到哪了", "快递怎么还没到", "帮我查一下快递"],
        "开发票": ["我要开发票", "发票怎么开", "可以要电子发票吗"],
        "登录问题": ["忘记密码了", "密码不对", "密码怎么改"],
    }
    asked = [text for group in texts.values() for text in group]
    labels = [label for label, group in texts.items() for _ in group]
    bot = FewShotClassifier("proto", multilingual, reject=None).fit(asked, labels)
    for text, label, word in (
        ("请问我昨天买的那个快递呢", "查询物流", "快递"),
        ("你好，我需要一张发票", "开发票", "发票"),
        ("登不上去，密码错误", "登录问题", "密码"),
    ):
        answer = bot.classify(text, why=True)
        assert answer.label == label
        assert first(answer.why) == word


def test_the_parts_of_a_message_have_their_words(words: Any) -> None:
    texts = ["red apple", "red cherry", "blue sky", "blue sea"]
    colours = FewShotClassifier("proto", words).fit(texts, ["r", "r", "b", "b"])
    one, two = colours.classify("a red apple, and the blue sky", multiple=True, why=True)
    assert {w.text for w in one.why if w.change > 0.1} == {"red", "apple"}
    assert {w.text for w in two.why if w.change > 0.1} == {"blue", "sky"}
    for part in (one, two):
        assert all(part.part[w.start : w.end] == w.text for w in part.why)


def test_empty_texts_and_texts_without_examples_are_explained(words: Any, tmp_path: Path) -> None:
    fitted = FewShotClassifier("proto", words).fit(["red", "blue"], ["r", "b"])
    folder = fitted.save(tmp_path / "bot", store_examples=False)
    colours = FewShotClassifier.load(folder, encoder=words)
    empty, red = colours.classify(["", "a red one"], why=True)
    assert empty.why == ()
    assert first(red.why) == "red"


def test_pairs_have_no_words(words: Any) -> None:
    pairs = [Example("red", text_b="red"), Example("red", text_b="blue")]
    model = FewShotClassifier("proto", words).fit(pairs, ["same", "other"])
    with pytest.raises(OptionError, match="why=True: this classifier takes no plain texts"):
        model.classify(pairs[0], why=True)
