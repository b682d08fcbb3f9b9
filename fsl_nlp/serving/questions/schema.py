"""The tables of the log, and the types of their columns."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

from fsl_nlp.types import Label

_NUMBER = re.compile(r"-?\d+")


class Utc(TypeDecorator[datetime]):
    """A time in UTC; SQLite has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From Python to the database."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database to Python."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value


class LabelText(TypeDecorator[Label]):
    """A label as text. One that is text but looks like a number is in quotation marks.

    >>> LabelText.as_text("track"), LabelText.as_text(3), LabelText.as_text("3")
    ('track', '3', '"3"')
    """

    impl = Text
    cache_ok = True

    @staticmethod
    def as_text(label: Label) -> str:
        """What stands in the column."""
        if isinstance(label, int) or not (label.startswith('"') or _NUMBER.fullmatch(label)):
            return str(label)
        return json.dumps(label, ensure_ascii=False)

    def process_bind_param(self, value: Label | None, dialect: Dialect) -> str | None:
        """From Python to the database."""
        return None if value is None else self.as_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Label | None:
        """From the database to Python."""
        if value is None:
            return None
        if value.startswith('"'):
            return json.loads(value)
        return int(value) if _NUMBER.fullmatch(value) else value


metadata = MetaData()

# Names begin with fsl_nlp: a PostgreSQL database may hold tables of other programs.
questions = Table(
    "fsl_nlp_questions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("time", Utc, nullable=False, index=True),
    Column("bot", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("text_b", Text),  # the second text of a pair
    Column("text_key", String(32), nullable=False),  # names equal texts: see `text_key`
    Column("label", LabelText),
    Column("reason", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("in_scope", Float),
    Column("alternatives", JSON, nullable=False),  # [[label, confidence], ...]
    Column("request", Text, nullable=False),
    Index("fsl_nlp_questions_of_bot", "bot", "time"),
    Index("fsl_nlp_questions_text", "text_key"),
)

# The newest feedback on a question. There is no foreign key: the question may still be on its way,
# in the queue of another process.
feedback = Table(
    "fsl_nlp_feedback",
    metadata,
    Column("question", String(32), primary_key=True),
    Column("time", Utc, nullable=False),
    Column("label", LabelText),  # NULL: no label of the bot is right
    Column("comment", Text, nullable=False),
)

# Texts that the owner of a bot does not want to see in its inbox.
dismissed = Table(
    "fsl_nlp_dismissed",
    metadata,
    Column("bot", Text, primary_key=True),
    Column("text_key", String(32), primary_key=True),
    Column("time", Utc, nullable=False),
)


def text_key(text: str, text_b: str | None = None) -> str:
    """A name for texts that differ in spaces and capitals only.

    >>> text_key("Where is  it") == text_key("where is it"), len(text_key(""))
    (True, 32)
    """
    plain = "\n".join(" ".join(part.split()) for part in (text, text_b) if part is not None)
    plain = plain.casefold()
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:32]
