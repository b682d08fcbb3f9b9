"""Databases for the tests of the log: SQLite always, PostgreSQL where one runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fsl_nlp.serving.questions.log import QuestionLog
from fsl_nlp.serving.questions.question import Question
from fsl_nlp.serving.questions.store import QuestionStore

POSTGRESQL = "FSL_NLP_TEST_POSTGRESQL"


@pytest.fixture(scope="session")
def postgresql() -> str:
    """The URL of a server where tests may make databases."""
    if server := os.environ.get(POSTGRESQL):
        return server
    pytest.skip(f"{POSTGRESQL} names no server; .ci/with-postgresql COMMAND starts one")


@pytest.fixture
def postgresql_url(postgresql: str) -> Iterator[str]:
    """The URL of a new database."""
    import psycopg
    from sqlalchemy import make_url

    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield make_url(postgresql).set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a new file."""
    return f"sqlite:///{tmp_path / 'questions.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a new database of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def store(url: str) -> Iterator[QuestionStore]:
    """An empty log."""
    store = QuestionStore(url)
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def open_log() -> Iterator[Callable[..., QuestionLog]]:
    """`open_log(url, ...)` starts a log, which ends with the test."""
    logs = []

    def open_log(url: str, **options: Any) -> QuestionLog:
        log = QuestionLog(url, **options)
        logs.append(log)
        log.start()
        return log

    yield open_log
    for log in logs:
        log.close(1)


def ask(text: str = "where is my parcel", **values: Any) -> Question:
    """A question that was answered with track."""
    usual = {"bot": "shop", "label": "track", "confidence": 0.9, "reason": "ok"}
    return Question(text, **usual | values)


def reject(text: str, **values: Any) -> Question:
    """A question that was not answered."""
    return ask(text, label=None, reason="out_of_scope", confidence=0.3, in_scope=0.1, **values)
