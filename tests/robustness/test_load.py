"""Sixteen threads ask one classifier in every way: each gets the answers it would get alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.answering import Answering

from ..conftest import WordEncoder
from .conftest import Rounds
from .hostile import BLANK, GOOD, same

THREADS = 16
LONGEST = 300  # seconds for all calls; more is a hang


def by_words(model: Answering, texts: Any) -> Any:
    return [answer.to_dict()["why"] for answer in model.classify(texts, why=True)]


def by_parts(model: Answering, texts: Any) -> Any:
    return [[a.to_dict() for a in answer] for answer in model.classify(texts, multiple=True)]


def by_nearest(model: Answering, texts: Any) -> Any:
    return [answer.to_dict() for answer in model.classify(texts, nearest=2)]


def by_stream(model: Answering, texts: Any) -> Any:
    return [answer.to_dict() for answer in model.stream(texts)]


def by_probabilities(model: Answering, texts: Any) -> Any:
    return model.predict_proba([text if text.strip() else "?" for text in texts]).tolist()


def by_set(model: Answering, texts: Any) -> Any:
    answers = model.predict_set([text if text.strip() else "?" for text in texts])
    return [answer.to_dict() for answer in answers]


WAYS: tuple[Callable[[Answering, Any], Any], ...] = (
    by_words, by_parts, by_nearest, by_stream, by_probabilities, by_set
)  # fmt: skip
TEXTS = [*(text for text in GOOD if len(text) < 60), BLANK[0]]


def ask_at_once(model: Answering, calls: int, tolerance: float = 1e-5) -> int:
    """Ask from all threads at once, `calls` times each; the number of answers compared."""
    alone = {(way, text): way(model, [text])[0] for way in WAYS for text in TEXTS}
    start, wrong, compared = threading.Barrier(THREADS), list[Any](), list[int]()

    def ask(seed: int) -> None:
        rng = np.random.default_rng(seed)
        start.wait()
        for _ in range(calls):
            way = WAYS[int(rng.integers(len(WAYS)))]
            texts = [TEXTS[i] for i in rng.integers(len(TEXTS), size=rng.integers(1, 6))]
            try:
                answers = way(model, texts)
            except Exception as error:  # in a thread it would only be printed
                wrong.append((way.__name__, texts, error))
                return
            wrong.extend(
                (way.__name__, text, answer)
                for text, answer in zip(texts, answers, strict=True)
                if not same(alone[way, text], answer, tolerance)
            )
            compared.append(len(texts))

    threads = [threading.Thread(target=ask, args=(seed,), daemon=True) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST)
    assert not any(thread.is_alive() for thread in threads), "a call hangs"
    assert not wrong, wrong[:3]
    return sum(compared)


def test_threads_on_a_classifier(
    words: WordEncoder, texts: list[str], labels: list[str], rounds: Rounds
) -> None:
    shop = FewShotClassifier("linear", words, reject=0.05).fit(texts, labels)
    calls = rounds(12, 1000)
    assert ask_at_once(shop, calls) >= THREADS * calls


@pytest.mark.slow
def test_threads_on_a_model(exact_shop: FewShotClassifier, rounds: Rounds) -> None:
    # Log-odds of sure answers differ more than their probabilities do.
    assert ask_at_once(exact_shop, rounds(15, 300), tolerance=1e-3)


@pytest.mark.slow
def test_threads_on_a_bot(exact_shop: FewShotClassifier, rounds: Rounds, tmp_path: Path) -> None:
    from fsl_nlp.export import export_bot
    from fsl_nlp.runtime import Bot

    bot = Bot.load(export_bot(exact_shop, tmp_path / "bot").folder)
    assert ask_at_once(bot, rounds(15, 300), tolerance=1e-3)
