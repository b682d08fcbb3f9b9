"""Whose turn it is, and what is computed together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fsl_nlp.serving.queues import Piece, Queue, Waiting, compute, estimated_tokens
from fsl_nlp.types import Example

WORD = "four"  # three tokens with what an encoder adds


class Save:
    """Stands for a loaded bot."""

    answering = "bot"


def upper(_: object, examples: list[Example]) -> list[str]:
    return [example.text.upper() for example in examples]


def waiting(
    *texts: str, bot: str = "a", save: Any = Save, key: object = "plain", work: Any = upper
) -> Waiting:
    return Waiting(bot, save, key, work, [Example(text) for text in texts])


def texts_of(batch: Sequence[Piece]) -> list[str]:
    return [example.text for piece in batch for example in piece.examples]


def drained(queue: Queue) -> list[list[str]]:
    """The texts of each batch until nothing waits."""
    batches = []
    while queue.count:
        batches.append(texts_of(queue.take()))
    assert queue.requests == 0
    return batches


def filled(*requests: Waiting, budget: int = 12) -> Queue:
    queue = Queue(budget)
    for request in requests:
        queue.put(request)
    return queue


def test_requests_go_together_up_to_the_budget() -> None:
    queue = filled(*(waiting(WORD) for _ in range(10)))
    assert (queue.count, queue.requests) == (10, 10)
    assert [len(batch) for batch in drained(queue)] == [4, 4, 2]


def test_tokens_are_those_of_the_encoder_about() -> None:
    assert 25 <= estimated_tokens(Example("where is my parcel, please? " * 4)) <= 35
    assert 12 <= estimated_tokens(Example("我的包裹到现在还没有送到，怎么办")) <= 18
    assert estimated_tokens(Example("a" * 100_000)) == 512
    assert estimated_tokens(Example(WORD, text_b=WORD)) > estimated_tokens(Example(WORD))


def test_kinds_and_saves_and_bots_never_mix() -> None:
    old, new = Save(), Save()
    queue = filled(
        waiting("1", save=old),
        waiting("2", save=new),
        waiting("3", save=old, key="nearest"),
        waiting("4", save=old, bot="b"),
        waiting("5", save=old),
    )
    assert sorted(drained(queue)) == [["1", "5"], ["2"], ["3"], ["4"]]


def test_bots_take_turns_and_so_do_kinds() -> None:
    queue = filled(
        *(waiting(f"a{i}..", bot="a") for i in range(8)),
        *(waiting(f"n{i}..", bot="a", key="nearest") for i in range(4)),
        *(waiting(f"b{i}..", bot="b") for i in range(8)),
    )
    assert ["".join(t[0] for t in batch) for batch in drained(queue)] == [
        "aaaa", "bbbb", "nnnn", "bbbb", "aaaa",
    ]  # fmt: skip


def test_a_single_question_goes_before_the_rest_of_long_lists() -> None:
    first, second = waiting(*["x"] * 40), waiting(*["y"] * 40)
    queue = filled(first, second, budget=16)
    queue.take()
    queue.put(waiting("single"))
    batch = texts_of(queue.take())
    assert batch[0] == "single"
    assert len(batch) > 1  # and a piece of a list


def test_long_lists_take_turns_and_stay_in_order() -> None:
    first, second = waiting(*(f"x{i}" for i in range(9))), waiting(*(f"y{i}" for i in range(5)))
    queue = filled(first, second, budget=16)
    order = [text for batch in drained(queue) for text in batch]
    for name, count in (("x", 9), ("y", 5)):
        assert [text for text in order if text[0] == name] == [f"{name}{i}" for i in range(count)]
    assert order.index("y0") < order.index("x4")


def test_questions_that_keep_coming_do_not_keep_a_list_waiting() -> None:
    queue = filled(waiting(*["list"] * 6), budget=16)
    answered = 0
    for _ in range(10):
        for _ in range(8):
            queue.put(waiting("q"))
        answered += texts_of(queue.take()).count("list")
    assert answered == 6


def test_a_text_above_the_budget_goes_all_the_same() -> None:
    queue = filled(waiting("a" * 2000), waiting("b" * 2000, WORD), waiting(WORD))
    assert len([text for batch in drained(queue) for text in batch]) == 4


def test_what_is_dropped_is_not_computed() -> None:
    dropped, half = waiting("1", "2"), waiting(*["x"] * 20)
    queue = filled(half, dropped, waiting("3"))
    queue.drop(dropped)
    assert (queue.count, queue.requests) == (21, 2)
    queue.take()
    queue.drop(half)
    queue.drop(half)
    assert drained(queue) in ([], [["3"]])
    assert (queue.count, queue.requests) == (0, 0)
    assert queue.take() == []


def poisoned(_: object, examples: list[Example]) -> list[str]:
    if any(example.text == "poison" for example in examples):
        raise ValueError(f"poison among {len(examples)}")
    return upper(_, examples)


def test_a_text_that_cannot_be_answered_fails_its_own_request() -> None:
    texts = ["a", "b", "poison", "c", "d", "e"]
    queue = filled(*(waiting(text, work=poisoned) for text in texts), budget=100)
    outcomes = compute(queue.take())
    assert [o if isinstance(o, list) else str(o) for o in outcomes] == [
        ["A"], ["B"], "poison among 1", ["C"], ["D"], ["E"],
    ]  # fmt: skip


def test_too_few_answers_are_an_error() -> None:
    queue = filled(waiting("a", work=lambda *_: []))
    (outcome,) = compute(queue.take())
    assert isinstance(outcome, RuntimeError)
