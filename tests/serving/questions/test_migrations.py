"""Logs that older versions wrote are brought to the newest tables; those of newer ones refused."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from fsl_nlp.errors import LogError
from fsl_nlp.serving.questions.inbox import inbox
from fsl_nlp.serving.questions.migrations import upgrade as upgrade_module
from fsl_nlp.serving.questions.migrations.upgrade import VERSION_TABLE, upgrade
from fsl_nlp.serving.questions.question import Entry, Feedback, Question
from fsl_nlp.serving.questions.reading import entries
from fsl_nlp.serving.questions.schema import metadata
from fsl_nlp.serving.questions.store import QuestionStore

from .conftest import ask

KEPT = Path(__file__).with_name("version_1.sql")  # a dump of a SQLite file
STEPS = Path(upgrade_module.__file__).parent
NOON = datetime(2026, 11, 28, 12, tzinfo=timezone.utc)

NEXT = """
from alembic import op
import sqlalchemy as sa
revision = "next"
down_revision = "1"
def upgrade():
    op.add_column("fsl_nlp_questions", sa.Column("channel", sa.Text))
    op.execute("UPDATE fsl_nlp_questions SET channel = 'web'")
"""


@pytest.fixture
def kept(sqlite_url: str, tmp_path: Path) -> QuestionStore:
    """A log of version 1."""
    connection = sqlite3.connect(tmp_path / "questions.db")
    connection.executescript(KEPT.read_text("utf-8"))
    connection.close()
    return QuestionStore(sqlite_url)


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The steps of a version that has one more."""
    steps = tmp_path / "steps%20"  # alembic takes "%" for a variable
    shutil.copytree(STEPS, steps)
    (steps / "versions" / "version_next.py").write_text(NEXT)
    return steps


def test_a_log_of_version_1(kept: QuestionStore) -> None:
    kept.prepare()
    with kept.reading() as connection:
        rows = list(entries(connection, newest_first=False))
        asked = {item.text for item in inbox(connection, "shop")}
    first = Question(
        "where is my parcel",
        "shop",
        model_version="2.abc",
        label="track",
        confidence=0.9,
        in_scope=0.97,
        alternatives=(("refund", 0.05), (3, 0.01)),
        request="r-1",
        id="1" * 32,
        time=NOON,
    )
    minute = timedelta(minutes=1)
    assert rows[0] == Entry(first, Feedback("1" * 32, "return", "wrong!", NOON + minute))
    assert rows[1].feedback == Feedback("2" * 32, None, "", NOON + minute)
    assert (rows[3].question.text_b, rows[3].question.label) == ("two", 3)
    assert asked == {"where is my parcel", "取消订单"}  # "hello" was dismissed
    kept.add([ask()])
    kept.close()


def test_the_steps_lead_to_the_tables_of_the_code(store: QuestionStore) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_a_step_runs_once_and_an_older_version_refuses_what_it_made(
    store: QuestionStore, newer: Path
) -> None:
    store.add([ask()])
    for _ in range(2):
        with store.writing() as connection:
            upgrade(connection, newer)
    with store.reading() as connection:
        assert connection.scalar(text("SELECT channel FROM fsl_nlp_questions")) == "web"
    with pytest.raises(LogError, match=r"version next of its tables.*pip install -U fsl-nlp"):
        store.prepare()


def test_a_step_that_fails_changes_nothing(store: QuestionStore, newer: Path) -> None:
    step = newer / "versions" / "version_next.py"
    step.write_text(NEXT.replace("'web'", "'web' WHERE nothing = 1"))
    store.add([ask()])
    with pytest.raises(LogError), store.writing() as connection:
        upgrade(connection, newer)
    store.prepare()
    with store.reading() as connection:
        assert len(list(entries(connection))) == 1
        columns = connection.execute(text("SELECT * FROM fsl_nlp_questions")).keys()
    assert "channel" not in columns
