"""The clauses of a message, and messages with several intents."""

from __future__ import annotations

import numpy as np
import pytest

from fsl_nlp import Example, FewShotClassifier, TextEncoder
from fsl_nlp.clauses import clauses, divide, spans, without_joins
from fsl_nlp.errors import OptionError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("where is it", ["where is it"]),
        ("where is it? send it back!", ["where is it", "send it back!"]),
        ("where is it, and can I pay 1,000.50 now", ["where is it", "can I pay 1,000.50 now"]),
        ("Hi, where is it. Thanks", ["Hi, where is it. Thanks"]),
        ("cancel it then refund me", ["cancel it", "refund me"]),
        ("a sandy land", ["a sandy land"]),
        ("快递到哪了，另外我要开发票", ["快递到哪了", "我要开发票"]),
        ("你好，尺码和颜色", ["你好", "尺码和颜色"]),
        ("怎么退款？还有运费谁出。", ["怎么退款？", "运费谁出。"]),
        ("", [""]),
        ("...", ["..."]),
    ],
)
def test_clauses_of_both_languages(text: str, expected: list[str]) -> None:
    found = clauses(text)
    assert "".join(found) == text
    assert [without_joins(clause).rstrip(".?") for clause in found if clause] == [
        clause.rstrip(".?") for clause in expected if clause
    ]


def test_any_text_is_its_clauses() -> None:
    rng, alphabet = np.random.default_rng(3), [*"ab ,.;，。\n", " and ", "另外", "🙂", "\0", "also"]
    for _ in range(300):
        text = "".join(rng.choice(alphabet, rng.integers(0, 40)))
        found = clauses(text)
        assert "".join(found) == text
        assert 1 <= len(found) <= 6
        assert len(spans(len(found))) == len(found) * (len(found) + 1) // 2


def test_the_surest_division_wins_and_the_whole_if_they_are_equal() -> None:
    sure = dict.fromkeys(spans(3), 0.5)
    assert divide(3, sure) == [(0, 3)]
    assert divide(3, sure | {(0, 2): 0.9, (2, 3): 0.8}) == [(0, 2), (2, 3)]
    assert divide(3, sure | {(0, 1): 1.0, (1, 3): 0.49}) == [(0, 3)]
    assert divide(3, dict.fromkeys(spans(3), 0.0)) == [(0, 3)]


@pytest.fixture(scope="module")
def colours(words: TextEncoder) -> FewShotClassifier:
    texts = ["red apple", "red cherry", "blue sky", "blue sea", "green leaf", "green grass"]
    return FewShotClassifier("proto", words).fit(texts, ["red"] * 2 + ["blue"] * 2 + ["green"] * 2)


def test_each_part_gets_its_answer(colours: FewShotClassifier) -> None:
    answers = colours.classify("red apple, and also blue sea. green grass", multiple=True)
    assert [(answer.label, answer.part) for answer in answers] == [
        ("red", "red apple"),
        ("blue", "blue sea."),
        ("green", "green grass"),
    ]
    assert answers[1].confidence == pytest.approx(colours.classify("blue sea.").confidence)


@pytest.mark.parametrize("text", ["red apple", "red apple, red cherry", "", " ", "red"])
def test_one_intent_gets_the_answer_of_the_whole(text: str, colours: FewShotClassifier) -> None:
    (answer,), alone = (colours.classify(text, nearest=1, multiple=m) for m in (True, False))
    assert (answer.label, answer.reason, answer.part) == (alone.label, alone.reason, "")
    assert [n.text for n in answer.nearest] == [n.text for n in alone.nearest]
    assert answer.confidence == pytest.approx(alone.confidence, abs=1e-6)


def test_a_list_gives_a_list_of_lists(colours: FewShotClassifier) -> None:
    texts = ["red apple; blue sky", "green leaf", ""]
    answers = colours.classify(texts, multiple=True)
    assert [[answer.label for answer in parts] for parts in answers] == [
        ["red", "blue"],
        ["green"],
        [None],
    ]
    assert colours.classify([], multiple=True) == []


def test_only_plain_texts_have_parts(words: TextEncoder) -> None:
    pairs = [Example("red", text_b="apple"), Example("blue", text_b="apple")]
    model = FewShotClassifier("proto", words).fit(pairs, ["r", "b"])
    with pytest.raises(OptionError, match="multiple=True: this classifier takes no plain texts"):
        model.classify(pairs[0], multiple=True)
