"""Questions that wait: whose turn it is, and what is computed together.

Bots take turns, and so do the kinds of questions to one bot. Of one kind, short requests go before
long ones, but each batch has room for a piece of a long one, and long ones take turns, too.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsl_nlp.serving.bots import Loaded
from fsl_nlp.types import Example

# What is computed for a group of questions to one bot.
Work = Callable[[Any, list[Example]], Sequence[Any]]

_PIECES = 4  # of a batch; a longer request is cut into pieces
_MOST_TOKENS = 512  # of an example that an encoder reads; the rest is cut off


def estimated_tokens(example: Example) -> int:
    """About how many tokens an encoder reads; exact counts would take a second tokenizing.

    >>> estimated_tokens(Example("where is my parcel")), estimated_tokens(Example("我的包裹在哪里"))
    (6, 7)
    """
    # A token of English has about four letters; one of Chinese has 1.3 characters, four bytes.
    tokens = 2 + len(example.text.encode()) // 4
    if example.text_b:
        tokens += len(example.text_b.encode()) // 4
    return min(tokens, _MOST_TOKENS)


@dataclass(eq=False)
class Waiting:
    """The questions of one request, and the answers that are there already.

    All are answered by one save of the bot. Requests with the same `key` may go together.
    """

    bot: str
    loaded: Loaded
    key: object
    work: Work
    examples: list[Example]
    is_gone: Callable[[], Awaitable[bool]] | None = None
    since: float = 0.0
    result: asyncio.Future[Sequence[Any]] = field(init=False)
    answers: list[Any] = field(init=False)
    taken: int = 0  # examples that wait no more
    answered: int = 0

    def __post_init__(self) -> None:
        self.sizes = [estimated_tokens(example) for example in self.examples]
        self.size = sum(self.sizes)
        self.answers = [None] * len(self.examples)

    @property
    def left(self) -> int:
        """How many examples still wait."""
        return len(self.examples) - self.taken

    def piece(self, most: int) -> tuple[int, int]:
        """The length of the next piece, and its tokens: at most so many, or a single example."""
        count = tokens = 0
        for size in self.sizes[self.taken :]:
            if count and tokens + size > most:
                break
            count, tokens = count + 1, tokens + size
        return count, tokens

    def take(self, count: int) -> Piece:
        """The next examples, which wait no more."""
        start, self.taken = self.taken, self.taken + count
        return Piece(self, start, self.examples[start : self.taken])

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless there is an answer."""
        if not self.result.done():
            self.result.set_exception(error)


@dataclass(frozen=True)
class Piece:
    """Neighbouring examples of a request, from `start` on."""

    waiting: Waiting
    start: int
    examples: list[Example]

    def deliver(self, outcome: Sequence[Any] | Exception) -> None:
        """Pass on the answers, or an error for the whole request."""
        waiting = self.waiting
        if isinstance(outcome, Exception):
            waiting.fail(outcome)
            return
        waiting.answers[self.start : self.start + len(outcome)] = outcome
        waiting.answered += len(outcome)
        if waiting.answered == len(waiting.examples) and not waiting.result.done():
            waiting.result.set_result(waiting.answers)


def compute(batch: Sequence[Piece]) -> list[Sequence[Any] | Exception]:
    """The answers to each piece, or the error.

    If a batch fails, its halves are tried apart, so that a text which cannot be answered fails no
    other request.
    """
    first = batch[0].waiting
    examples = [example for piece in batch for example in piece.examples]
    try:
        answers = first.work(first.loaded.answering, examples)
        if len(answers) != len(examples):
            raise RuntimeError(f"{len(answers)} answers to {len(examples)} questions")
    except BaseException as error:  # a library in Rust that panics raises no Exception
        if len(batch) == 1:
            return [error if isinstance(error, Exception) else RuntimeError(type(error).__name__)]
        middle = len(batch) // 2
        return [*compute(batch[:middle]), *compute(batch[middle:])]
    rows, start = list[Sequence[Any] | Exception](), 0
    for piece in batch:
        rows.append(answers[start : start + len(piece.examples)])
        start += len(piece.examples)
    return rows


class Queue:
    """Requests that wait: `count` is the number of their examples, `requests` their own."""

    def __init__(self, budget: int) -> None:
        self.count = self.requests = 0
        self._budget = budget  # tokens of a batch
        # The groups of each bot; the first bot has its turn, and the first of its groups.
        self._bots: OrderedDict[str, OrderedDict[object, _Group]] = OrderedDict()

    def put(self, waiting: Waiting) -> None:
        """Add a request."""
        groups = self._bots.setdefault(waiting.bot, OrderedDict())
        group = groups.setdefault((waiting.loaded, waiting.key), _Group(self._budget))
        group.put(waiting)
        self.count += waiting.left
        self.requests += 1

    def drop(self, waiting: Waiting) -> None:
        """Let a request wait no more. It is forgotten when its turn comes."""
        if waiting.left:
            self.count -= waiting.left
            self.requests -= 1
            waiting.taken = len(waiting.examples)

    def take(self) -> list[Piece]:
        """The next batch: examples of one kind to one save of one bot. None if all were dropped."""
        while self._bots:
            name, groups = self._bots.popitem(last=False)
            key, group = groups.popitem(last=False)
            pieces = group.take()
            if group.is_waiting():
                groups[key] = group  # the others have their turns first
            if groups:
                self._bots[name] = groups
            if pieces:
                self.count -= sum(len(piece.examples) for piece in pieces)
                self.requests -= len({p.waiting for p in pieces if not p.waiting.left})
                return pieces
        return []


class _Group:
    """Requests that may go together."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._most = max(1, budget // _PIECES)  # tokens of a piece
        self._short = deque[Waiting]()
        self._long = deque[Waiting]()

    def put(self, waiting: Waiting) -> None:
        (self._short if waiting.size <= self._most else self._long).append(waiting)

    def is_waiting(self) -> bool:
        """Whether anything waits; requests of which nothing does are removed at the front."""
        for queue in (self._short, self._long):
            while queue and not queue[0].left:
                queue.popleft()
        return bool(self._short or self._long)

    def take(self) -> list[Piece]:
        pieces, room = list[Piece](), self._budget
        reserved = self._long[0].piece(self._most)[1] if self.is_waiting() and self._long else 0
        while self._short:
            waiting = self._short[0]
            if waiting.left and pieces and waiting.size > room - reserved:
                break
            self._short.popleft()
            if waiting.left:
                pieces.append(waiting.take(waiting.left))
                room -= waiting.size
        while self._long:
            waiting = self._long[0]
            count, size = waiting.piece(self._most)
            if count and pieces and size > room:
                break
            self._long.popleft()
            if count:
                pieces.append(waiting.take(count))
                room -= size
                if waiting.left:
                    self._long.append(waiting)
        return pieces
