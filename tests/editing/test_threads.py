"""Threads that ask one classifier while others edit it: an answer is that of one version."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fsl_nlp import FewShotClassifier, Prediction

from .conftest import LABELS, QUESTIONS, TEXTS

Fitted = Callable[..., FewShotClassifier]

EDITS: tuple[Callable[[FewShotClassifier], object], ...] = (
    lambda bot: bot.add_label("pay", ["can I pay by card"]),
    lambda bot: bot.rename_label("log_in", "sign_in"),
    lambda bot: bot.add_examples(["sign me in", "退 快递"], ["sign_in", "查询物流"]),
    lambda bot: bot.merge_labels(["track_order", "查询物流"], into="delivery"),
    lambda bot: bot.remove_examples(["refund me please"]),
    lambda bot: bot.remove_label("pay"),
)


def seen(answer: Prediction) -> tuple[object, ...]:
    """All of an answer that an edit changes."""
    near = tuple((n.text, n.label, round(n.similarity, 4)) for n in answer.nearest)
    others = tuple(other.label for other in answer.alternatives)
    return (answer.label, round(answer.confidence, 4), others, near)


def answers(bot: FewShotClassifier) -> dict[str, tuple[object, ...]]:
    asked = bot.classify(QUESTIONS, nearest=2, top_k=4)
    return dict(zip(QUESTIONS, map(seen, asked), strict=True))


def ask_while_editing(fitted: Fitted, method: str, rounds: int) -> None:
    bot = fitted(method)
    expected = {bot.model_version_: answers(bot)}
    for edit in EDITS:
        edit(bot)
        expected[bot.model_version_] = answers(bot)
    for _ in EDITS:
        bot.undo()
    assert len(expected) == len(EDITS) + 1

    done, versions = threading.Event(), set()

    def ask(number: int) -> int:
        count = 0
        while not done.is_set():
            question = QUESTIONS[(number + count) % len(QUESTIONS)]
            if count % 3 == 0:
                (batch,) = {a.model_version for a in bot.classify(QUESTIONS)}
                versions.add(batch)
            answer = bot.classify(question, nearest=2, top_k=4)
            assert seen(answer) == expected[answer.model_version][question]
            versions.add(answer.model_version)
            assert bot.predict([question]).shape == (1,)
            count += 1
        return count

    def edit_and_undo() -> None:
        try:
            for _ in range(rounds):
                for edit in EDITS:
                    edit(bot)
                for _ in EDITS:
                    bot.undo()
        finally:
            done.set()

    with ThreadPoolExecutor(16) as pool:
        asking = [pool.submit(ask, number) for number in range(15)]
        pool.submit(edit_and_undo).result()
        counts = [future.result() for future in asking]
    assert min(counts) > 0
    assert len(versions) > 1  # they did ask while the edits were made


def test_every_answer_is_of_one_version(fitted: Fitted) -> None:
    ask_while_editing(fitted, "proto", rounds=3)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "rounds"), [("proto", 10), ("knn", 4)])
def test_every_answer_of_many_is_of_one_version(method: str, rounds: int, fitted: Fitted) -> None:
    ask_while_editing(fitted, method, rounds)


def test_edits_of_two_threads_are_all_made(fitted: Fitted) -> None:
    bot = fitted()
    barrier = threading.Barrier(6)

    def add(number: int) -> None:
        barrier.wait()
        for i in range(4):
            bot.add_examples([f"parcel {number} of {i} is lost"], ["track_order"])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(6)))
    assert len(bot.examples_) == len(TEXTS) + 24
    assert [change.number for change in bot.history()] == list(range(2, 26))
    assert set(LABELS) == set(bot.classes_.tolist())


def test_a_stream_keeps_its_version(fitted: Fitted) -> None:
    bot = fitted()
    stream = bot.stream(iter(QUESTIONS * 3))
    first = next(stream)
    bot.remove_label("log_in")
    assert {answer.model_version for answer in stream} == {first.model_version}
