"""Hostile lists of texts and labels: an answer to each, or an error that names the place."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

import numpy as np
import pytest

from fsl_nlp import Example, FewShotClassifier
from fsl_nlp.errors import DataError
from fsl_nlp.types import Label

from ..conftest import WordEncoder
from .conftest import Rounds

ANSWERED = [
    "red one",
    "我的快递到哪了",
    "🙂" * 50,
    "a\0b",
    "\ufeffhi",
    "e\u0301",
    "",
    "  ",
    "\u3000",
]
ANSWERED += [np.str_("blue"), Example("red"), "x" * 100_000, "\u202e\x1b[2J", "\r\n\tred\r\n"]
REFUSED = [
    None,
    3,
    1.5,
    float("nan"),
    b"red",
    ["red"],
    {"text": "red"},
    "cut \ud83d",
    object(),
    True,
]


@pytest.fixture(scope="module")
def colours(words: WordEncoder) -> FewShotClassifier:
    return FewShotClassifier("linear", words).fit(["red", "blue"], ["r", "b"])


def test_every_question_gets_an_answer_or_its_place_is_named(
    rounds: Rounds, colours: FewShotClassifier
) -> None:
    rng = np.random.default_rng(1)
    for _ in range(rounds(60, 3000)):
        texts: list[Any] = [
            ANSWERED[i] for i in rng.integers(len(ANSWERED), size=rng.integers(1, 12))
        ]
        answers = colours.classify(texts)
        for text, answer in zip(texts, answers, strict=True):
            asked = text.text if isinstance(text, Example) else text
            assert (answer.label is None) == (not asked.strip())
        place = int(rng.integers(len(texts)))
        texts[place] = REFUSED[rng.integers(len(REFUSED))]
        for ask in (colours.classify, lambda texts: list(colours.stream(texts))):
            with pytest.raises(DataError, match=rf"texts?\[{place}\]"):
                ask(texts)


def test_one_bad_text_among_ten_thousand_is_named(colours: FewShotClassifier) -> None:
    texts: list[Any] = [f"red {i % 7}" for i in range(10_000)]
    for bad in (None, "", "\ud800"):
        with pytest.raises(DataError, match=r"texts\[9998\]"):
            colours.predict([*texts[:9998], bad, "x" * 1_000_000])


def hostile_labels(rng: np.random.Generator) -> list[Any]:
    """Two labels and more, of kinds that people and machines make."""
    kinds: list[Any] = ["a", "b", "a\0", "\0", "", " ", "1", 1, 0, -1, 2**53 + 1, 2**63, -(2**63)]
    kinds += [2**200, 1.0, 2.5, True, np.bool_(False), None, float("nan"), float("inf"), b"a"]
    kinds += [np.int8(3), np.uint64(2**64 - 1), np.float32(4), np.str_("b"), "\ud800", "退款", "🙂"]
    kinds += [Enum("Intent", {"X": "x"}, type=str).X, Enum("Plain", {"Y": 5}).Y, ("a",), object()]
    return [kinds[i] for i in rng.integers(len(kinds), size=rng.integers(2, 5))]


def test_every_label_comes_back_or_is_refused_by_name(rounds: Rounds, words: WordEncoder) -> None:
    rng, fitted = np.random.default_rng(2), 0
    for _ in range(rounds(150, 5000)):
        labels = hostile_labels(rng)
        texts = [f"text {i}" for i in range(len(labels))]
        plain: list[Label] = [label.value if isinstance(label, Enum) else label for label in labels]
        try:
            model = FewShotClassifier("proto", words, label_names=False).fit(texts, labels)
        except DataError as error:
            named = re.search(r"labels\[(\d)\]", str(error))
            message = str(error)
        else:
            fitted += 1
            predicted = [answer.label for answer in model.classify(texts)]
            assert predicted == plain
            assert model.predict(texts).tolist() == plain
            assert {type(label) for label in predicted} <= {str, int}
            continue
        assert named or "at least two classes" in message
    assert fitted
