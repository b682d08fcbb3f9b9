"""Questions of many requests, answered together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from fsl_nlp.serving.batching import Batcher
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.metrics import Metrics
from fsl_nlp.serving.settings import ServerSettings
from fsl_nlp.types import Example

T = TypeVar("T")
SETTINGS = ServerSettings((Path("bot"),), patience=0.01, threads=1)


class Save:
    answering = "bot"


class StandIn:
    """A served bot; its work notes the batches. It can be held."""

    def __init__(self) -> None:
        self.name = "bot"
        self.current: Any = Save()
        self.batches: list[list[str]] = []
        self.saves: list[object] = []
        self.free = threading.Event()
        self.free.set()
        self.seconds = 0.0

    def work(self, answering: object, examples: list[Example]) -> list[str]:
        self.batches.append([example.text for example in examples])
        assert self.free.wait(10)
        time.sleep(self.seconds)
        if any(example.text == "poison" for example in examples):
            raise ValueError("poison")
        return [f"{answering}: {example.text}" for example in examples]


def run(scenario: Callable[[Batcher, StandIn], Awaitable[T]], **settings: Any) -> T:
    """Run a coroutine with a batcher and a bot."""

    async def main() -> T:
        batcher = Batcher(replace(SETTINGS, **settings), Metrics())
        bot = StandIn()
        try:
            return await asyncio.wait_for(scenario(batcher, bot), 20)
        finally:
            bot.free.set()
            batcher.close()

    # In a thread: other tests may leave an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, main()).result()


def submit(
    batcher: Batcher, bot: Any, *texts: str, key: object = "", **options: Any
) -> asyncio.Task[Sequence[Any]]:
    examples = [Example(text) for text in texts]
    return asyncio.ensure_future(batcher.submit(bot, examples, bot.work, key, **options))


async def held(batcher: Batcher, bot: StandIn) -> asyncio.Task[Sequence[Any]]:
    """A first question, which the thread does not finish until `bot.free` is set."""
    bot.free.clear()
    first = submit(batcher, bot, "first")
    while not bot.batches:
        await asyncio.sleep(0.001)
    return first


def test_what_comes_while_the_thread_computes_goes_together_next() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        first = await held(batcher, bot)
        others = [submit(batcher, bot, f"{i}", f"{i}b") for i in range(5)]
        await asyncio.sleep(0)
        bot.free.set()
        assert await first == ["bot: first"]
        for i, task in enumerate(others):
            assert await task == [f"bot: {i}", f"bot: {i}b"]
        assert [len(batch) for batch in bot.batches] == [1, 10]

    run(scenario)


def test_each_thread_computes_a_batch() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        first = await held(batcher, bot)
        second = submit(batcher, bot, "second")
        while len(bot.batches) < 2:
            await asyncio.sleep(0.001)
        third = submit(batcher, bot, "third")
        await asyncio.sleep(0.05)
        assert bot.batches == [["first"], ["second"]]
        bot.free.set()
        assert [await task for task in (first, second, third)] == [
            [f"bot: {text}"] for text in ("first", "second", "third")
        ]

    run(scenario, threads=2)


def test_parts_of_a_list_that_are_done_out_of_turn_keep_their_places() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        work, release = bot.work, threading.Event()

        def first_part_last(answering: object, examples: list[Example]) -> list[str]:
            answers = work(answering, examples)
            if examples[0].text == "0":
                assert release.wait(10)
            elif examples[-1].text == "99":
                release.set()
            return answers

        bot.work = first_part_last  # type: ignore[method-assign]
        texts = [f"{i}" for i in range(100)]
        assert await submit(batcher, bot, *texts) == [f"bot: {text}" for text in texts]
        assert len(bot.batches) > 1

    run(scenario, threads=2, batch_tokens=60)


def test_a_panic_of_a_library_takes_no_thread() -> None:
    class Panic(BaseException):
        pass

    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        work = bot.work

        def panic(*_: object) -> list[str]:
            raise Panic

        bot.work = panic  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="Panic"):
            await submit(batcher, bot, "first")
        bot.work = work  # type: ignore[method-assign]
        assert await submit(batcher, bot, "second") == ["bot: second"]

    run(scenario)


def test_no_questions_are_answered_at_once() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        assert await submit(batcher, bot) == []
        assert bot.batches == []

    run(scenario)


def test_a_lone_question_does_not_wait_for_others() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        for i in range(5):
            await submit(batcher, bot, f"{i}")
        assert len(bot.batches) == 5

    run(scenario, patience=30.0)


def test_questions_wait_a_little_for_as_many_as_are_usual() -> None:
    """Twenty clients, each of which asks again when it has its answer."""

    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        async def client(number: int) -> None:
            for i in range(20):
                await submit(batcher, bot, f"{number}.{i}")
                await asyncio.sleep(0.001 * (number % 3))

        bot.seconds = 0.002
        await asyncio.gather(*(client(number) for number in range(20)))
        sizes = [len(batch) for batch in bot.batches]
        assert sum(sizes) == 400
        assert len(sizes) < 100

    run(scenario)


def test_a_full_queue_refuses_before_it_queues() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        first = await held(batcher, bot)
        waits = [submit(batcher, bot, "a", "b"), submit(batcher, bot, "c")]
        await asyncio.sleep(0)
        with pytest.raises(RequestError) as refused:
            await submit(batcher, bot, "d")
        assert refused.value.status == 429
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
        bot.free.set()
        await asyncio.gather(first, *waits)
        assert await submit(batcher, bot, "d") == ["bot: d"]
        # A list above the limit is answered if nothing waits.
        assert len(await submit(batcher, bot, *"abcdef")) == 6

    run(scenario, waiting=3)


def test_what_is_late_gets_503_and_is_not_computed() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        first = await held(batcher, bot)
        late = submit(batcher, bot, "late")
        for task in (late, first):  # the second while it is computed
            with pytest.raises(RequestError, match=r"0\.05 s") as error:
                await task
            assert (error.value.status, error.value.error_type) == (503, "timeout")
        bot.free.set()
        assert await submit(batcher, bot, "next") == ["bot: next"]
        assert ["late"] not in bot.batches

    run(scenario, timeout=0.05)


def test_a_question_whose_client_has_gone_is_not_computed() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        async def yes() -> bool:
            return True

        async def no() -> bool:
            return False

        first = await held(batcher, bot)
        gone = submit(batcher, bot, "gone", is_gone=yes)
        here = submit(batcher, bot, "here", is_gone=no)
        await asyncio.sleep(0.15)
        bot.free.set()
        assert await here == ["bot: here"]
        with pytest.raises(RequestError, match="gone"):
            await gone
        await first
        assert bot.batches[1:] == [["here"]]

    run(scenario)


def test_a_cancelled_request_waits_no_more() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        first = await held(batcher, bot)
        cancelled, other = submit(batcher, bot, "cancelled"), submit(batcher, bot, "other")
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.sleep(0)
        bot.free.set()
        await asyncio.gather(first, other)
        assert bot.batches[1:] == [["other"]]

    run(scenario)


def test_a_poisonous_text_fails_its_own_request() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        first = await held(batcher, bot)
        tasks = [submit(batcher, bot, text) for text in ("a", "poison", "b")]
        await asyncio.sleep(0)
        bot.free.set()
        answers = await asyncio.gather(first, *tasks, return_exceptions=True)
        assert [str(answer) for answer in answers] == [
            "['bot: first']", "['bot: a']", "poison", "['bot: b']",
        ]  # fmt: skip

    run(scenario)


def test_a_list_is_answered_by_one_save_though_another_comes() -> None:
    """The list is cut into many pieces, and the bot is swapped after the first."""

    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        bot.free.clear()
        texts = [str(i) for i in range(50)]
        task = submit(batcher, bot, *texts)
        while not bot.batches:
            await asyncio.sleep(0.001)
        new: Any = Save()
        new.answering = "new"
        bot.current = new
        later = submit(batcher, bot, "later")
        bot.free.set()
        assert await task == [f"bot: {text}" for text in texts]
        assert await later == ["new: later"]
        assert len(bot.batches) > 5

    run(scenario, batch_tokens=16)


def test_slow_questions_do_not_keep_others_waiting() -> None:
    async def scenario(batcher: Batcher, bot: StandIn) -> None:
        slow = StandIn()
        slow.free.clear()
        expensive = [submit(batcher, slow, "why", "why", key="why", slow=True) for _ in range(2)]
        assert await submit(batcher, bot, "plain") == ["bot: plain"]
        with pytest.raises(RequestError) as refused:  # they have a limit of their own
            await submit(batcher, slow, *["why"] * 3, key="why", slow=True)
        assert refused.value.status == 429
        slow.free.set()
        assert [len(answers) for answers in await asyncio.gather(*expensive)] == [2, 2]
        assert slow.batches == [["why"]] * 4

    run(scenario, waiting=80)  # and five slow ones
