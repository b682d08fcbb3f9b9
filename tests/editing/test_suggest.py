"""What to label next, and labels that are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.decision.verdict import Verdict
from fsl_nlp.editing.intents import candidate_labels, groups_of
from fsl_nlp.editing.naming import name_of, terms
from fsl_nlp.editing.suggest import LIMIT, suggest
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.vectors import Matrix, unit

from .conftest import LABELS, TEXTS

WEATHER = ["will it rain tomorrow", "rain or sun tomorrow", "tomorrow rain again", "does it rain"]
天气 = ["明天 下雨 吗", "今天 下雨 了", "会 下雨 吗"]


class Nearness:
    """Stands for a decision: what is near no stored text is out of scope."""

    expected = None

    def __init__(self, vectors: Matrix) -> None:
        self.vectors = unit(vectors)

    def verdicts(self, outputs: Outputs) -> list[Verdict]:
        near = (unit(outputs.vectors) @ self.vectors.T).max(1)
        return [Verdict(in_scope=float(cosine > 0.4)) for cosine in near]


@pytest.fixture
def bot(words: TextEncoder) -> FewShotClassifier:
    bot = FewShotClassifier("proto", words, temperature=0.05).fit(TEXTS, LABELS)
    decision: Any = Nearness(words.encode(TEXTS))
    bot._version = replace(bot.version_, decision=decision)
    return bot


def test_a_stored_text_and_a_blank_one_are_not_suggested(bot: FewShotClassifier) -> None:
    suggestions = bot.suggest(["where is my parcel", " ", "refund my parcel", "refund my parcel"])
    (only,) = suggestions.to_label
    assert (only.text, only.count, suggestions.texts) == ("refund my parcel", 2, 1)
    assert "asked 2 times" in only.reason
    with pytest.raises(DataError, match="no text to suggest"):
        bot.suggest(["", "where is my parcel"])


def test_an_unsure_text_comes_first_and_a_repetition_of_it_does_not_follow(
    bot: FewShotClassifier,
) -> None:
    sure = ["I cannot sign in now", "has my order been sent now", "refund me please now"]
    unsure = ["is my password delivered", "is my password delivered then", "快递 password"]
    first, second = bot.suggest([*sure, *unsure], 2).to_label
    assert {first.text, second.text} <= set(unsure)
    near = set(unsure[:2])
    assert len({first.text, second.text} & near) == 1
    assert " or " in first.reason
    assert first.reason.count("%") >= 2


def test_a_sure_answer_that_users_call_wrong_is_worth_a_label(bot: FewShotClassifier) -> None:
    sure = ["I cannot sign in now", "refund me please now", "has my order been sent now"]
    (other,) = suggest(bot, [*sure, "快递 password"], 1).to_label
    assert (other.text, other.feedback) == ("快递 password", None)
    (first,) = suggest(bot, sure, 1, feedback={sure[1]: "complain", sure[0]: "log_in"}).to_label
    assert (first.text, first.label, first.feedback) == (sure[1], "get_refund", "complain")
    assert first.reason.startswith("users say complain; ")


def test_the_same_log_gives_the_same_suggestions(bot: FewShotClassifier) -> None:
    log = [*WEATHER, *天气, "my parcel is locked", "sign in to refund"]
    once, again = bot.suggest(log, 5), bot.suggest(log, 5)
    assert once == again
    assert once.to_dict()["texts"] == len(log)
    assert all(str(item.text) in str(once) for item in once.to_label)


def test_questions_of_no_label_become_candidates(
    bot: FewShotClassifier, words: TextEncoder
) -> None:
    suggestions = bot.suggest([*WEATHER, *天气, "where is my parcel today", "refund me now"], 3)
    names = {group.name: group for group in suggestions.new_labels}
    rain = next(group for name, group in names.items() if "rain" in name)
    assert set(rain.texts) <= set(WEATHER)
    assert rain.count == len(rain.texts) >= 3
    assert any("下雨" in name for name in names)
    bot = FewShotClassifier("proto", words).fit(TEXTS, LABELS)
    bot.add_label(rain.name, rain.texts)
    assert bot.classify("is there rain tomorrow").label == rain.name


def test_groups_are_as_tight_as_asked() -> None:
    angles = np.array([0.0, 0.1, 0.2, 1.5, 1.6, 1.7])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert [rows.tolist() for rows in groups_of(vectors, 0.9)] == [[0, 1, 2], [3, 4, 5]]
    assert len(groups_of(vectors, 0.99999)) == 6
    groups = candidate_labels(
        ["a b", "a c", "a d", "e f", "e g", "e h"], [1, 1, 1, 5, 1, 1], vectors, [], 0.9, []
    )
    assert [group.count for group in groups] == [7, 3]
    assert groups[0].texts[0] == "e g"  # the middle of its group


@pytest.mark.parametrize(
    ("texts", "others", "name"),
    [
        (["can I pay by card", "pay with a card"], ["where is my parcel"], "card_pay"),
        (["明天会下雨吗", "北京下雨了吗", "下雨怎么办"], ["我的包裹到哪了"], "下雨"),
        (["how do you do", "what is it"], [], "new_label"),
    ],
)
def test_names(texts: list[str], others: list[str], name: str) -> None:
    assert name_of(texts, others) == name
    assert name_of(texts, others, {name}) == f"{name}_2"


def test_terms_of_a_mixed_text() -> None:
    assert terms("我的iPhone订单 refund") == {"iphone", "订单", "refund"}


def test_wrong_arguments(bot: FewShotClassifier) -> None:
    for n in (-1, 2.5, True, "3"):
        with pytest.raises(OptionError, match="n="):
            bot.suggest(["hi there"], n)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="must be a list"):
        bot.suggest("hi there")
    assert bot.suggest(["hi there"], 0).to_label == ()


def test_a_long_log_is_drawn_from(bot: FewShotClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsl_nlp.editing.suggest.LIMIT", 5)
    log = [f"parcel {number}" for number in range(40)]
    drawn = suggest(bot, log, 40, seed=1)
    assert (drawn.texts, len(drawn.to_label)) == (40, 5)
    assert suggest(bot, log, 40, seed=1) == drawn
    assert suggest(bot, log, 40, seed=2) != drawn
    assert LIMIT > 1000


def test_nothing_of_a_log_is_stored(english: TextEncoder) -> None:
    bot = FewShotClassifier("proto", english).fit(["where is it", "refund me"], ["a", "b"])
    stored = len(english._memory)
    bot.suggest(["a question that nobody asked before", "and another one of these"])
    assert len(english._memory) == stored
