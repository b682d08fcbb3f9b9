"""Long lists of hostile texts: to each its own answer, or an error that names the place."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.answering import Answering
from fsl_nlp.errors import DataError

from ..conftest import WordEncoder
from .conftest import Rounds
from .hostile import BLANK, GOOD, HUGE, WRONG, same

Answer = dict[str, Any]


def by_classify(model: Answering, texts: Any) -> list[Answer]:
    return [answer.to_dict() for answer in model.classify(texts, nearest=1)]


def by_stream(model: Answering, texts: Any) -> list[Answer]:
    return [answer.to_dict() for answer in model.stream(texts, nearest=1)]


def by_label(model: Answering, texts: Any) -> list[Answer]:
    return [{"label": label} for label in model.predict(texts).tolist()]


def by_probabilities(model: Answering, texts: Any) -> list[Answer]:
    return [{"row": row} for row in model.predict_proba(texts).tolist()]


def by_set(model: Answering, texts: Any) -> list[Answer]:
    return [answer.to_dict() for answer in model.predict_set(texts)]


WAYS: list[Callable[[Answering, Any], list[Answer]]] = [
    by_classify, by_stream, by_label, by_probabilities, by_set
]  # fmt: skip
ANSWERS_BLANKS = (by_classify, by_stream)


class Alone:
    """The answers to texts that were asked alone."""

    def __init__(self, model: Answering) -> None:
        self.model = model
        self.answers: dict[tuple[str, str], Answer] = {}

    def __call__(self, way: Callable[..., list[Answer]], text: str) -> Answer:
        key = (way.__name__, text)
        if key not in self.answers:
            (self.answers[key],) = way(self.model, [text])
        return self.answers[key]


def check(alone: Alone, way: Callable[..., list[Answer]], texts: Sequence[Any]) -> None:
    """Ask a list, and compare with the answers alone; or find what was wrong at the place named."""
    refused = [*map(id, WRONG), *(() if way in ANSWERS_BLANKS else map(id, BLANK))]
    wrong = {i for i, text in enumerate(texts) if id(text) in refused}
    if not wrong:
        answers = way(alone.model, texts)
        assert len(answers) == len(texts)
        for text, answer in zip(texts, answers, strict=True):
            assert same(alone(way, text), answer), (way.__name__, text[:40])
        return
    with pytest.raises(DataError) as error:
        way(alone.model, texts)
    message = str(error.value)
    assert len(message) < 300
    named = re.search(r"texts?\[(\d+)\]", message)
    assert named, message
    assert int(named[1]) in wrong


def hostile(rng: np.random.Generator, length: int, kinds: Sequence[Any]) -> list[Any]:
    return [kinds[i] for i in rng.integers(len(kinds), size=length)]


@pytest.fixture(scope="module")
def shop_of_words(words: WordEncoder, texts: list[str], labels: list[str]) -> Alone:
    return Alone(FewShotClassifier("linear", words, reject=0.05).fit(texts, labels))


@pytest.fixture(scope="module")
def english_shop(exact_shop: FewShotClassifier) -> Alone:
    return Alone(exact_shop)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_short_lists(
    way: Callable[..., list[Answer]], shop_of_words: Alone, rounds: Rounds
) -> None:
    rng = np.random.default_rng(11)
    for _ in range(rounds(15, 400)):
        length = int(rng.integers(1, 30))
        check(shop_of_words, way, hostile(rng, length, GOOD))
        check(shop_of_words, way, hostile(rng, length, [*GOOD, *BLANK]))
        check(shop_of_words, way, hostile(rng, length, [*GOOD, *BLANK, *WRONG[:2]]))
        texts = hostile(rng, length, GOOD)
        texts[int(rng.integers(length))] = WRONG[int(rng.integers(len(WRONG)))]
        check(shop_of_words, way, texts)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_ten_thousand_texts(way: Callable[..., list[Answer]], shop_of_words: Alone) -> None:
    rng = np.random.default_rng(12)
    quick = [text for text in GOOD if len(text) < 100]
    texts = hostile(rng, 10_000, quick)
    check(shop_of_words, way, texts)
    texts[int(rng.integers(10_000))] = WRONG[int(rng.integers(len(WRONG)))]
    check(shop_of_words, way, texts)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_a_model_reads(
    way: Callable[..., list[Answer]], english_shop: Alone, rounds: Rounds
) -> None:
    """Padding, batches and cut texts change no answer."""
    rng = np.random.default_rng(13)
    for _ in range(rounds(1, 20)):
        check(english_shop, way, hostile(rng, 24, [*GOOD, HUGE[1]]))
        check(english_shop, way, [*hostile(rng, 5, GOOD), None])


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_many_texts_for_a_model(way: Callable[..., list[Answer]], english_shop: Alone) -> None:
    rng = np.random.default_rng(14)
    check(english_shop, way, [*hostile(rng, 1500, GOOD), *HUGE, *hostile(rng, 200, GOOD)])


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_bot_answers_hostile_lists(
    way: Callable[..., list[Answer]], english_shop: Alone, tmp_path: Path
) -> None:
    from fsl_nlp.export import export_bot
    from fsl_nlp.runtime import Bot

    classifier: Any = english_shop.model
    bot = Alone(Bot.load(export_bot(classifier, tmp_path / "bot").folder))
    rng = np.random.default_rng(15)
    check(bot, way, [*hostile(rng, 100, GOOD), *HUGE])
    check(bot, way, hostile(rng, 30, [*GOOD, *BLANK, None]))
