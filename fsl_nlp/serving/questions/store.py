"""The log in its database: what changes it, and the connections to read it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from fsl_nlp.errors import LogError, first_line
from fsl_nlp.serving.questions.engine import (
    ALONE,
    WRITING,
    make_engine,
    parse_url,
    prepare_file,
    shown,
)
from fsl_nlp.serving.questions.migrations.upgrade import upgrade
from fsl_nlp.serving.questions.question import Feedback, Question, now
from fsl_nlp.serving.questions.schema import dismissed, feedback, questions, text_key

LONGEST = 10_000  # characters of a text that are kept
_PRUNED_AT_ONCE = 2000  # rows, so that no writer waits long for the lock
_ATTEMPTS = 50  # at changing the mode of a file that others are opening

# Whether a question is there whose text was dismissed.
_is_asked = exists().where(
    questions.c.bot == dismissed.c.bot, questions.c.text_key == dismissed.c.text_key
)


class QuestionStore:
    """The tables of a log. Every method that meets the database raises a LogError if that fails.

    `create=False` refuses a SQLite file that does not exist.
    """

    def __init__(self, url: str, *, create: bool = True, busy: float = 5.0) -> None:
        self.url, self.create = parse_url(url), create
        self.engine = make_engine(self.url, busy=busy)
        self._file: tuple[int, int] | None = None
        self._writing = self.engine.execution_options(**WRITING)

    @property
    def is_remote(self) -> bool:
        """Whether the database is a server, which may be away for a while."""
        return self.engine.dialect.name != "sqlite"

    def prepare(self) -> None:
        """Bring the tables to the newest version; safe while other processes do the same."""
        with self._errors():
            if not self.is_remote:
                self.engine.dispose()  # connections to a file that was deleted
                prepare_file(self.url, self.create)
                self._use_wal()
            with self._writing.begin() as connection:
                upgrade(connection)
        self._file = self._file_now()

    def is_missing(self) -> bool:
        """Whether the SQLite file was deleted or replaced, so that rows would go nowhere."""
        return self._file != self._file_now()

    def _file_now(self) -> tuple[int, int] | None:
        if self.is_remote:
            return None
        try:
            status = Path(str(self.url.database)).stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def close(self) -> None:
        """Close the connections."""
        with suppress(SQLAlchemyError):
            self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read from."""
        with self._errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction that writes."""
        with self._errors(), self._writing.begin() as connection:
            yield connection

    def add(self, asked: Sequence[Question]) -> None:
        """Write questions, all or none. One that is there already is left out."""
        with self.writing() as connection:
            insert = _insert(connection, questions).on_conflict_do_nothing(index_elements=["id"])
            connection.execute(insert, [_row(question) for question in asked])

    def give_feedback(self, said: Feedback) -> bool:
        """Write feedback in place of an older one; False if there is no such question."""
        values = {"time": said.time, "label": said.label, "comment": storable(said.comment)}
        with self.writing() as connection:
            asked = select(questions.c.id).where(questions.c.id == said.question)
            if connection.execute(asked).first() is None:
                return False
            connection.execute(
                _insert(connection, feedback)
                .values(question=said.question, **values)
                .on_conflict_do_update(index_elements=["question"], set_=values)
            )
            return True

    def dismiss(self, bot: str, texts: Iterable[str]) -> None:
        """Keep texts out of the inbox of a bot, whenever they are asked."""
        texts = [storable(text) for text in texts]
        if not texts:
            return
        with self.writing() as connection:
            # What was asked may be a pair, whose second text is part of its key.
            asked = select(questions.c.text_key).where(
                questions.c.bot == bot, questions.c.text.in_(texts)
            )
            keys = sorted({*map(text_key, texts), *connection.scalars(asked)})
            connection.execute(
                _insert(connection, dismissed).on_conflict_do_nothing(
                    index_elements=["bot", "text_key"]
                ),
                [{"bot": bot, "text_key": key, "time": now()} for key in keys],
            )

    def prune(self, before: datetime) -> int:
        """Delete questions that are older, and what belongs to them; gives their number."""
        count = 0
        old = (
            select(questions.c.id)
            .where(questions.c.time < before)
            .order_by(questions.c.time, questions.c.id)
            .limit(_PRUNED_AT_ONCE)
        )
        while True:
            with self.writing() as connection:
                deleted = _delete(connection, old)
            count += deleted
            if deleted < _PRUNED_AT_ONCE:
                break
        of_question = exists().where(questions.c.id == feedback.c.question)
        with self.writing() as connection:
            connection.execute(delete(feedback).where(feedback.c.time < before, ~of_question))
            connection.execute(delete(dismissed).where(dismissed.c.time < before, ~_is_asked))
        return count

    def forget(self, ids: Iterable[str]) -> int:
        """Delete questions with their feedback, so that no copy stays in the file."""
        ids, count = sorted(set(ids)), 0
        for start in range(0, len(ids), _PRUNED_AT_ONCE):
            part = ids[start : start + _PRUNED_AT_ONCE]
            with self.writing() as connection:
                asked = questions.c.id.in_(part)
                keys = connection.scalars(select(questions.c.text_key).where(asked)).all()
                count += _delete(connection, select(questions.c.id).where(asked))
                connection.execute(
                    delete(dismissed).where(dismissed.c.text_key.in_(keys), ~_is_asked)
                )
        if not self.is_remote:
            with self._errors():
                self._execute_alone("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise LogError(f"The log {shown(self.url)} failed: {describe(error)}.") from error

    def _use_wal(self) -> None:
        """Readers and one writer at a time; the file keeps the mode."""
        for attempt in range(_ATTEMPTS):
            try:
                self._execute_alone("PRAGMA journal_mode=WAL")
                return
            except OperationalError:  # SQLite does not wait for the lock here
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.02)

    def _execute_alone(self, statement: str) -> None:
        """Run a statement outside of a transaction."""
        with self.engine.execution_options(**ALONE).connect() as connection:
            connection.exec_driver_sql(statement)


def describe(error: SQLAlchemyError) -> str:
    """An error of a database in words that hold nothing of a question.

    Messages of refused values quote them, so that these have only the name of their class.
    """
    if isinstance(error, OperationalError) and error.orig is not None:
        return first_line(Exception(str(error.orig)))
    return type(error.orig if isinstance(error, DBAPIError) else error).__name__


def storable(text: str) -> str:
    """The text as a database takes it: without NUL and halves of characters, and not too long."""
    return text[:LONGEST].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _row(question: Question) -> dict[str, Any]:
    text = storable(question.text)
    text_b = None if question.text_b is None else storable(question.text_b)
    return {
        "id": question.id,
        "time": question.time,
        "bot": question.bot,
        "model_version": question.model_version,
        "text": text,
        "text_b": text_b,
        "text_key": text_key(text, text_b),
        "label": question.label,
        "reason": question.reason,
        "confidence": question.confidence,
        "in_scope": question.in_scope,
        "alternatives": [list(alternative) for alternative in question.alternatives],
        "request": storable(question.request),
    }


def _insert(connection: Connection, table: Any) -> Any:
    """An INSERT with ON CONFLICT, which each database has of its own."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def _delete(connection: Connection, ids: Select[tuple[str]]) -> int:
    """Delete questions and their feedback; gives the number of questions."""
    names = list(connection.scalars(ids))
    if names:
        connection.execute(delete(feedback).where(feedback.c.question.in_(names)))
        connection.execute(delete(questions).where(questions.c.id.in_(names)))
    return len(names)
