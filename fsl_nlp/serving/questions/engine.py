"""From the URL of a database to connections: SQLite for one machine, PostgreSQL for many."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from fsl_nlp.errors import LogError, MissingExtraError, OptionError
from fsl_nlp.folders import PRIVATE_FILE

_EXAMPLES = "sqlite:///questions.db or postgresql://user@host/database"
# A connection that hears nothing for so long is given up.
_POSTGRESQL = {"connect_timeout": 5, "keepalives_idle": 30, "tcp_user_timeout": 15_000}
# Texts of users: not in messages of errors, and rows not in the lines that SQLAlchemy logs.
_PRIVATE: dict[str, Any] = {"hide_parameters": True, "logging_name": "fsl_nlp"}


def parse_url(text: str) -> URL:
    """The URL of a log, checked.

    >>> str(parse_url("postgres://bot@db/log"))
    'postgresql+psycopg://bot@db/log'
    """
    try:
        url = make_url(text)
    except ArgumentError:
        hint = "" if ":" in text else f" For a file, write sqlite:///{text}."
        raise OptionError(
            f"{text!r} is no URL of a database. Write for example {_EXAMPLES}.{hint}"
        ) from None
    kind = url.get_backend_name()
    if kind in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise OptionError(f"A log in {kind!r} is not supported. Write for example {_EXAMPLES}.")
    if url.database in (None, "", ":memory:"):
        raise OptionError("A log in memory would be lost. Write for example sqlite:///questions.db")
    return url.set(drivername="sqlite+pysqlite")


def shown(url: URL) -> str:
    """The URL without its password, for messages."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def make_engine(url: URL, *, busy: float = 5.0) -> Engine:
    """The engine of a checked URL; `busy` are seconds to wait for a lock of SQLite."""
    logging.getLogger("sqlalchemy.engine.Engine.fsl_nlp").setLevel(logging.WARNING)
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, **_PRIVATE, connect_args={"timeout": busy})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "PostgreSQL needs one more package: pip install 'fsl-nlp[postgresql]'"
        ) from error
    return create_engine(
        url,
        **_PRIVATE,
        pool_pre_ping=True,
        pool_recycle=1800,  # seconds
        connect_args={key: v for key, v in _POSTGRESQL.items() if key not in url.query},
    )


# The options of an engine whose transactions in SQLite have the lock from their beginning: one that
# reads first and writes later fails at once if another process wrote in between.
WRITING = {"sqlite_begin": "BEGIN IMMEDIATE"}
ALONE = {"sqlite_begin": ""}  # each statement by itself


def prepare_file(url: URL, create: bool = True) -> None:
    """Make the file of a SQLite log for its owner alone, or refuse one that is missing."""
    path = Path(str(url.database))
    if path.exists():
        return
    if not create:
        raise LogError(
            f"{path} does not exist. It is made by: fsl-nlp serve --log sqlite:///{path}"
        )
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, PRIVATE_FILE))
    except OSError as error:
        raise LogError(f"{path} cannot be made: {error.strerror}. Check its folder.") from None


def _set_up_sqlite(connection: Any, _: Any) -> None:
    # `_begin_sqlite` begins transactions: Python's module would not, before it changes tables.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")  # with WAL, a crash of the system loses no old row
    cursor.execute("PRAGMA secure_delete=ON")  # what a user wants forgotten is overwritten
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    if statement := connection.get_execution_options().get("sqlite_begin", "BEGIN"):
        connection.exec_driver_sql(statement)
