"""What stands in the log: its entries, and counts of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, or_, select

from fsl_nlp.errors import OptionError
from fsl_nlp.output import without_nan
from fsl_nlp.serving.questions.question import Entry, Feedback, Question, now
from fsl_nlp.serving.questions.schema import feedback, questions, text_key
from fsl_nlp.types import Label

_AT_ONCE = 1000  # rows in memory
_LABELS = 10  # of a bot that are counted by name
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

# Feedback that says that the answer was right: the same label, or no label and none is right.
is_right = and_(
    feedback.c.question.is_not(None), feedback.c.label.is_not_distinct_from(questions.c.label)
)
is_wrong = and_(
    feedback.c.question.is_not(None), feedback.c.label.is_distinct_from(questions.c.label)
)
with_feedback = questions.outerjoin(feedback, feedback.c.question == questions.c.id)


@dataclass(frozen=True)
class Selection:
    """Which questions: of a bot, with one of these reasons, not older than `since`."""

    bot: str | None = None
    reasons: tuple[str, ...] = ()
    since: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What stands behind WHERE."""
        conditions: list[ColumnElement[bool]] = []
        if self.bot is not None:
            conditions.append(questions.c.bot == self.bot)
        if self.reasons:
            conditions.append(questions.c.reason.in_(self.reasons))
        if self.since is not None:
            conditions.append(questions.c.time >= self.since)
        return conditions


ALL = Selection()


def parse_since(text: str) -> datetime:
    """A time as 2026-11-28, 2026-11-28T17:00 (in UTC if it names no zone), or 7d, 24h before now.

    >>> parse_since("2026-11-28").isoformat()
    '2026-11-28T00:00:00+00:00'
    """
    if match := re.fullmatch(r"(\d{1,5})([mhdw])", text.strip()):
        return now() - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        # A "+" of a zone is a space in a URL; Python 3.10 reads no "Z".
        written = re.sub(r"(?<=:\d\d) (?=\d\d:\d\d$)", "+", text.strip())
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", written))
    except ValueError:
        raise OptionError(
            f"since {text[:40]!r}: write a day (2026-11-28), a time (2026-11-28T17:00), "
            "or how long ago (7d, 24h, 30m)."
        ) from None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment


def entries(
    connection: Connection,
    selection: Selection = ALL,
    *,
    newest_first: bool = True,
    limit: int | None = None,
) -> Iterator[Entry]:
    """The questions with their feedback, in the order of their time."""
    said = [column.label(f"feedback_{column.name}") for column in feedback.c]
    statement: Any = (
        select(*questions.c, *said)
        .select_from(with_feedback)
        .where(*selection.conditions())
        .limit(limit)
    )
    order = (questions.c.time, questions.c.id)
    statement = statement.order_by(*(column.desc() if newest_first else column for column in order))
    for row in connection.execution_options(yield_per=_AT_ONCE).execute(statement):
        yield _entry(row)


def matching(
    connection: Connection,
    *,
    ids: Sequence[str] = (),
    text: str | None = None,
    containing: str | None = None,
) -> list[str]:
    """The ids of questions: these, those with this text, and those with these words in them.

    Spaces and capitals make no difference. Words may also stand in the comment of a user.
    """
    key = None if text is None else text_key(text)
    named = select(questions.c.id).where(or_(questions.c.id.in_(ids), questions.c.text_key == key))
    matches = set(connection.scalars(named))
    if containing is not None:
        words = _plain(containing)
        # Not in SQL: SQLite knows the capitals of ASCII only.
        matches |= {
            entry.question.id
            for entry in entries(connection)
            if any(words in _plain(part) for part in _texts(entry))
        }
    return sorted(matches)


def _texts(entry: Entry) -> list[str]:
    comment = entry.feedback.comment if entry.feedback else ""
    return [entry.question.text, entry.question.text_b or "", comment]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _entry(row: Row[Any]) -> Entry:
    question = Question(
        id=row.id,
        time=row.time,
        bot=row.bot,
        model_version=row.model_version,
        text=row.text,
        text_b=row.text_b,
        label=row.label,
        reason=row.reason,
        confidence=row.confidence,
        in_scope=row.in_scope,
        alternatives=tuple((label, confidence) for label, confidence in row.alternatives),
        request=row.request,
    )
    if row.feedback_question is None:
        return Entry(question)
    return Entry(
        question,
        Feedback(row.id, row.feedback_label, row.feedback_comment, row.feedback_time),
    )


@dataclass(frozen=True)
class Statistics:
    """Counts of the questions of one bot.

    `labels` are the answers that were given most often, with how often. `right` and `wrong` count
    what users said of the answers.
    """

    bot: str
    questions: int
    answered: int
    reasons: dict[str, int]
    labels: tuple[tuple[Label, int], ...]
    right: int
    wrong: int
    first: datetime
    last: datetime

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        times = {name: getattr(self, name).isoformat() for name in ("first", "last")}
        labels = [{"label": label, "questions": count} for label, count in self.labels]
        return without_nan(asdict(self) | times | {"labels": labels})


def statistics(connection: Connection, selection: Selection = ALL) -> list[Statistics]:
    """Counts of each bot, in the order of their names."""
    bot, count, conditions = questions.c.bot, func.count(), selection.conditions()

    def counted(column: ColumnElement[Any]) -> list[Any]:
        statement = select(bot, column, count).where(*conditions).group_by(bot, column)
        return list(connection.execute(statement))

    totals = connection.execute(
        select(
            bot,
            count,
            func.count(questions.c.label),
            func.sum(case((is_right, 1), else_=0)),
            func.sum(case((is_wrong, 1), else_=0)),
            func.min(questions.c.time),
            func.max(questions.c.time),
        )
        .select_from(with_feedback)
        .where(*conditions)
        .group_by(bot)
    ).all()
    reasons, labels = counted(questions.c.reason), counted(questions.c.label)
    return [
        Statistics(
            bot=name,
            questions=total,
            answered=answered,
            reasons=dict(sorted((r, n) for b, r, n in reasons if b == name)),
            labels=tuple(
                sorted(
                    ((x, n) for b, x, n in labels if b == name and x is not None),
                    key=lambda pair: (-pair[1], str(pair[0])),
                )[:_LABELS]
            ),
            right=right,
            wrong=wrong,
            first=first,
            last=last,
        )
        for name, total, answered, right, wrong, first, last in sorted(totals)
    ]
