"""The queue and the thread of the log: fast, bounded, and deaf to all faults of the database."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.errors import LogError
from fsl_nlp.serving.questions import log as log_module
from fsl_nlp.serving.questions.log import QuestionLog
from fsl_nlp.serving.questions.question import Feedback, new_id
from fsl_nlp.serving.questions.redaction import Redaction

from .conftest import ask, reject

OpenLog = Callable[..., QuestionLog]
SECRET = "Geheimnis 张三"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(log_module, "_LONGEST_PAUSE", 0.1)
    monkeypatch.setattr(log_module, "_MOMENT", 0.3)


def texts(log: QuestionLog) -> list[str]:
    return [entry.question.text for entry in log.entries(limit=100_000)]


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program has the file for itself."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_questions_are_written_without_personal_data(url: str, open_log: OpenLog) -> None:
    log = open_log(url)
    log.record(ask("I am max@example.org"))
    log.record(reject("我的手机号是13812345678"))
    assert log.flush()
    assert sorted(texts(log)) == ["I am [email]", "我的手机号是[phone]"]
    assert (log.written, log.dropped, log.failed, log.waiting) == (2, 0, 0, 0)
    assert log.close()


def test_redaction_can_be_turned_off(sqlite_url: str, open_log: OpenLog) -> None:
    log = open_log(sqlite_url, redact=Redaction.parse(["none"]))
    log.record(ask("I am max@example.org"))
    log.flush()
    assert texts(log) == ["I am max@example.org"]


def test_feedback_waits_for_its_question(url: str, open_log: OpenLog) -> None:
    log, question = open_log(url), reject("cancel it")
    log.record(question)
    assert log.give_feedback(Feedback(question.id, "stop", "mail me: max@example.org"))
    (entry,) = log.entries()
    assert entry.feedback is not None
    assert (entry.feedback.label, entry.feedback.comment) == ("stop", "mail me: [email]")
    assert [(item.text, item.label) for item in log.inbox("shop")] == [("cancel it", "stop")]
    log.dismiss("shop", ["cancel it"])
    assert log.inbox("shop") == []
    assert not log.give_feedback(Feedback(new_id(), "stop"))


def test_recording_is_fast_and_so_is_writing(sqlite_url: str, open_log: OpenLog) -> None:
    log = open_log(sqlite_url)
    questions = [ask(f"where is parcel {i}") for i in range(10_000)]
    start = time.perf_counter()
    for question in questions:
        log.record(question)
    recorded = time.perf_counter() - start
    assert log.flush(30)
    assert (log.written, log.dropped) == (10_000, 0)
    assert recorded < 0.5  # 50 µs each on a busy machine; 1 µs on a quiet one
    assert len(texts(log)) == 10_000


def test_a_full_queue_drops_and_counts(sqlite_url: str) -> None:
    counts = Counter[str]()
    report = lambda event, count: counts.update({event: count})  # noqa: E731
    log = QuestionLog(sqlite_url, queue=3, report=report)
    log._wake = lambda: None  # type: ignore[method-assign]  # nothing is written yet
    for i in range(5):
        log.record(ask(str(i)))
    assert (log.waiting, log.dropped) == (3, 2)
    del log._wake  # type: ignore[method-assign]
    log.start()
    assert log.close()
    assert (log.written, log.dropped) == (3, 2)
    log.record(ask("too late"))
    assert log.dropped == 3
    assert counts == {"written": 3, "dropped": 3}


def test_long_texts_do_not_fill_the_memory(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_CHARACTERS", 100)
    log = QuestionLog(sqlite_url)
    log._wake = lambda: None  # type: ignore[method-assign]
    for _ in range(5):
        log.record(ask("x" * 40))
    assert (log.waiting, log.dropped) == (2, 3)


def test_a_locked_file_is_written_later(
    sqlite_url: str, tmp_path: Path, open_log: OpenLog, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(sqlite_url, busy=0.05)
    with locked(tmp_path / "questions.db"):
        log.record(ask(SECRET))
        wait_for(lambda: log.failed >= 2)
        start = time.perf_counter()
        log.record(ask(SECRET))
        assert time.perf_counter() - start < 0.05
        assert "database is locked" in log.error
    assert log.flush()
    assert (len(texts(log)), log.written, log.dropped, log.error) == (2, 2, 0, "")
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2  # one when it fails, one when it works again
    assert "database is locked" in messages[0]
    assert "written again" in messages[1]


def test_a_log_that_cannot_be_written_does_not_hold_up_the_end(
    sqlite_url: str, tmp_path: Path, open_log: OpenLog
) -> None:
    log = open_log(sqlite_url, busy=0.05)
    with locked(tmp_path / "questions.db"):
        log.record(ask())
        start = time.monotonic()
        assert not log.close(2)
        assert time.monotonic() - start < 3
    assert (log.written, log.dropped) == (0, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no open file")
def test_a_deleted_file_is_made_again(sqlite_url: str, tmp_path: Path, open_log: OpenLog) -> None:
    log = open_log(sqlite_url)
    log.record(ask("before"))
    log.flush()
    for path in tmp_path.glob("questions.db*"):
        path.unlink()
    log.record(ask("after"))
    assert log.flush()
    assert texts(log) == ["after"]


def test_a_full_disk_is_counted(sqlite_url: str, open_log: OpenLog) -> None:
    log = open_log(sqlite_url)

    def limit(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count=20")

    from sqlalchemy import event

    log.store.engine.dispose()
    event.listen(log.store.engine, "connect", limit)
    for _ in range(40):
        log.record(ask(SECRET * 100))
    wait_for(lambda: log.failed >= 2)
    assert "full" in log.error
    event.remove(log.store.engine, "connect", limit)
    log.store.engine.dispose()
    assert log.flush()
    assert (log.written, log.dropped) == (40, 0)


def test_a_value_that_is_refused_leaves_the_others(
    url: str, open_log: OpenLog, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(url)
    wrong = ask(SECRET, alternatives=((b"no JSON", 0.1),))
    for question in (ask("one"), wrong, ask("two")):
        log.record(question)
    assert log.flush()
    assert sorted(texts(log)) == ["one", "two"]
    assert (log.written, log.dropped, log.failed) == (2, 1, 1)


def test_an_unexpected_error_costs_one_question(
    sqlite_url: str, open_log: OpenLog, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(sqlite_url)

    def fail(text: str) -> str:
        if text == SECRET:
            raise ValueError(text)
        return text

    log.redact = fail  # type: ignore[assignment]
    for text in ("one", SECRET, "two"):
        log.record(ask(text))
    assert log.flush()
    assert sorted(texts(log)) == ["one", "two"]
    assert (log.written, log.dropped, log.failed) == (2, 1, 1)
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_no_text_is_in_pythons_logs(
    url: str, open_log: OpenLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool", "alembic", "fsl_nlp"):
        caplog.set_level(logging.DEBUG, name)
    log = open_log(url)
    question = reject(SECRET)
    log.record(question)
    log.record(ask(SECRET, confidence=None))  # refused
    log.give_feedback(Feedback(question.id, "track", SECRET))
    log.inbox("shop")
    with pytest.raises(LogError) as error:
        log.store.add([ask(SECRET, bot=None)])
    assert "Pool" in caplog.text  # something is logged
    assert SECRET not in caplog.text + str(error.value) + log.error


def test_old_questions_are_deleted(url: str, open_log: OpenLog) -> None:
    log = open_log(url, days=None)  # keeps all
    log.record(ask("old", time=datetime.now(timezone.utc) - timedelta(days=31)))
    log.record(ask("new"))
    assert log.flush()
    log.close()
    log = open_log(url, days=40)
    time.sleep(0.2)
    assert sorted(texts(log)) == ["new", "old"]
    log.close()
    log = open_log(url, days=30)
    wait_for(lambda: texts(log) == ["new"])


def test_a_server_that_cannot_be_reached_at_the_start(
    open_log: OpenLog, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("psycopg")
    log = open_log("postgresql://bot:hunter2@127.0.0.1:1/log", queue=2)
    for _ in range(4):
        log.record(ask(SECRET))
    wait_for(lambda: log.failed >= 2)
    assert not log.close(1)
    assert (log.written, log.dropped) == (0, 4)
    assert "answers go on" in caplog.text
    assert "hunter2" not in caplog.text
    assert SECRET not in caplog.text


def test_a_file_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(LogError):
        QuestionLog(f"sqlite:///{tmp_path}/none/questions.db").start()


def test_a_server_goes_away_and_comes_back(postgresql_url: str, open_log: OpenLog) -> None:
    import psycopg

    log = open_log(postgresql_url)
    log.record(ask("one"))
    assert log.flush()
    server, _, name = postgresql_url.partition("?")[0].rpartition("/")
    query = postgresql_url.partition("?")[2]
    with psycopg.connect(f"{server}/postgres?{query}", autocommit=True) as other:
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        other.execute(ended, [name])
        log.record(ask("two"))
        wait_for(lambda: log.failed >= 2)
        with pytest.raises(LogError, match="not currently accepting connections"):
            log.entries()
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert log.flush()
    assert sorted(texts(log)) == ["one", "two"]
    assert (log.written, log.dropped) == (2, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_writes_its_own(url: str, open_log: OpenLog) -> None:
    log = open_log(url)
    log.record(ask("before"))
    assert log.flush()
    log.record(ask("waits"))  # written by the parent alone
    if (child := os.fork()) == 0:
        status = 1
        try:
            log.record(ask("child"))
            status = 0 if log.flush() and log.written == 1 and log.close() else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    log.record(ask("after"))
    assert log.flush()
    assert sorted(texts(log)) == ["after", "before", "child", "waits"]
    assert log.written == 3


WRITER = """
import sys
from fsl_nlp.serving.questions.log import QuestionLog
from fsl_nlp.serving.questions.question import Question
log = QuestionLog(sys.argv[1])
log.start()
print("ready", flush=True)
sys.stdin.readline()
for i in range(int(sys.argv[3])):
    log.record(Question(f"{sys.argv[2]} {i}", bot="shop", label="track"))
    if i % 500 == 499:
        log.flush(60)
        print(i, flush=True)
assert log.close(60), log.error
assert log.dropped == 0
"""


@contextmanager
def writer(url: str, name: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """A process that writes questions once it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, url, name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.slow
def test_several_processes_start_and_write_at_once(url: str, open_log: OpenLog) -> None:
    with writer(url, "a", 2000) as a, writer(url, "b", 2000) as b, writer(url, "c", 2000) as c:
        for process in (a, b, c):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in (a, b, c):
            go(process)
        assert [process.wait(60) for process in (a, b, c)] == [0, 0, 0]
    log = open_log(url)
    rows = texts(log)
    assert len(rows) == len(set(rows)) == 6000


def test_many_threads_make_the_tables_at_once(url: str) -> None:
    barrier, errors = threading.Barrier(8), list[BaseException]()

    def start() -> None:
        log = QuestionLog(url)
        try:
            barrier.wait()
            log.start()
            log.record(ask())
            assert log.close(30)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    log = QuestionLog(url)
    assert len(texts(log)) == 8
    log.close()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_kill_in_the_middle_leaves_a_whole_file(
    sqlite_url: str, tmp_path: Path, open_log: OpenLog
) -> None:
    written = 0
    for attempt in range(5):
        with writer(sqlite_url, str(attempt), 1_000_000) as process:
            assert process.stdout is not None
            process.stdout.readline()
            go(process)
            for _ in range(1 + attempt):
                written += 500 if process.stdout.readline().strip() else 0
            time.sleep(0.003 * attempt)
            process.send_signal(signal.SIGKILL)
    with sqlite3.connect(tmp_path / "questions.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    log = open_log(sqlite_url)
    rows = texts(log)
    assert len(rows) == len(set(rows)) >= written == 7500
    log.record(ask("goes on"))
    assert log.flush()
