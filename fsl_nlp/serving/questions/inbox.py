"""Questions that the owner of a bot should look at: rejected, unsure, or answered wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, exists, func, not_, or_, select

from fsl_nlp.decision.verdict import AMBIGUOUS, OUT_OF_SCOPE
from fsl_nlp.editing.suggest import LIMIT, Suggestions, suggest
from fsl_nlp.serving.questions.reading import is_right, is_wrong, with_feedback
from fsl_nlp.serving.questions.schema import dismissed, feedback, questions
from fsl_nlp.types import Example, Label

if TYPE_CHECKING:
    from fsl_nlp.answering import Answering


@dataclass(frozen=True)
class Asked:
    """A text of the inbox: how often and when last it was asked, and the right label users named.

    >>> Asked("where is it", 3, datetime(2026, 11, 28), "track").count
    3
    """

    text: str
    count: int
    last: datetime
    label: Label | None = None
    text_b: str | None = None


def inbox(
    connection: Connection, bot: str, *, since: datetime | None = None, limit: int = LIMIT
) -> list[Asked]:
    """The texts of a bot's inbox, those asked most often first.

    A question is in it if it was rejected or unsure, or if feedback says that the answer was wrong;
    not if its text was dismissed, or if feedback says that the answer was right.
    """
    confirmed = and_(is_right, questions.c.label.is_not(None))
    unsure = questions.c.reason.in_((OUT_OF_SCOPE, AMBIGUOUS))
    is_dismissed = exists().where(
        dismissed.c.bot == questions.c.bot, dismissed.c.text_key == questions.c.text_key
    )
    conditions = [
        questions.c.bot == bot,
        or_(and_(unsure, not_(confirmed)), is_wrong),
        ~is_dismissed,
        *([] if since is None else [questions.c.time >= since]),
    ]
    times, last = func.count(), func.max(questions.c.time)
    texts = connection.execute(
        select(
            questions.c.text_key,
            func.min(questions.c.text),
            func.min(questions.c.text_b),
            times,
            last,
        )
        .select_from(with_feedback)
        .where(*conditions)
        .group_by(questions.c.text_key)
        .order_by(times.desc(), last.desc(), questions.c.text_key)
        .limit(limit)
    )
    votes = connection.execute(
        select(questions.c.text_key, feedback.c.label, times)
        .select_from(with_feedback)
        .where(*conditions, feedback.c.label.is_not(None))
        .group_by(questions.c.text_key, feedback.c.label)
        .order_by(times, func.max(feedback.c.time))  # of several labels, the last one stays
    )
    right = {key: label for key, label, _ in votes}
    return [
        Asked(text, count, moment, right.get(key), text_b)
        for key, text, text_b, count, moment in texts
    ]


def suggestions(
    bot: Answering, asked: Sequence[Asked], n: int = 10, *, seed: int = 0
) -> Suggestions:
    """What to label next of the inbox of a bot, with the labels that users named."""
    texts = [
        example
        for item in asked
        for example in [Example(item.text, text_b=item.text_b)] * item.count
    ]
    named = {item.text: item.label for item in asked if item.label is not None}
    return suggest(bot, texts, n, seed=seed, feedback=named)
