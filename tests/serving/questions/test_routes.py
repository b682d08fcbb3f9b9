"""The log behind the server: ids of answers, feedback, reading, and a database that is away."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.serving.questions.log import QuestionLog
from fsl_nlp.serving.questions.question import now

ENGLISH, CHINESE = "where is my parcel", "我的包裹在哪里"


@pytest.fixture(scope="module")
def server(
    client_of: Any, saved_bots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    url = f"sqlite:///{tmp_path_factory.mktemp('log')}/questions.db"
    with client_of(*saved_bots.values(), log=url) as client:
        yield client


@pytest.fixture
def client(server: Any) -> Any:
    """A client of a server with both bots and an empty log."""
    log_of(server).flush()
    log_of(server).store.prune(now() + timedelta(days=1))
    return server


def log_of(client: Any) -> QuestionLog:
    return client.app.state.server.questions


def rows(client: Any, **query: Any) -> list[dict[str, Any]]:
    log_of(client).flush()
    answer = client.get("/v1/questions", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["questions"]


def test_answers_are_logged_under_their_ids(client: Any) -> None:
    english = client.post("/v1/classify", json={"text": ENGLISH}).json()
    chinese = client.post("/v1/classify", json={"text": [CHINESE, "？"], "bot": "shop-zh"}).json()
    assert [row["id"] for row in rows(client, bot="shop")] == [english["id"]]
    entries = {row["id"]: row for row in rows(client)}
    for answer, text in zip([english, *chinese], [ENGLISH, CHINESE, "？"], strict=True):
        entry = entries.pop(answer["id"])
        assert entry["text"] == text
        assert entry["feedback"] is None
        same = ("bot", "label", "reason", "confidence", "in_scope", "model_version")
        assert {key: entry[key] for key in same} == {key: answer[key] for key in same}
        assert entry["alternatives"] == answer["alternatives"]
    assert entries == {}


def test_parts_of_a_message_are_logged_by_themselves(client: Any) -> None:
    text = "where is my parcel, and I want my money back"
    answer = client.post("/v1/classify", json={"text": text, "multiple": True}).json()
    ids = [part["id"] for part in answer["parts"]]
    assert {row["id"]: row["text"] for row in rows(client)} == {
        name: part["part"] or text for name, part in zip(ids, answer["parts"], strict=True)
    }


def test_the_log_is_counted_for_prometheus(client: Any) -> None:
    client.post("/v1/classify", json={"text": ENGLISH})
    log_of(client).flush()
    (line,) = (
        line
        for line in client.app.state.server.metrics.as_text().decode().splitlines()
        if line.startswith('fsl_nlp_log_questions_total{event="written"}')
    )
    assert float(line.split()[1]) == log_of(client).written >= 1


def test_other_shapes_are_logged_too(client: Any) -> None:
    client.post("/model/parse", json={"text": ENGLISH})
    (row,) = rows(client)
    assert row["text"] == ENGLISH


def test_feedback(client: Any) -> None:
    name = client.post("/v1/classify", json={"text": ENGLISH}).json()["id"]
    said = {"id": name, "label": "return", "comment": "call me: 0170 1234567"}
    assert client.post("/v1/feedback", json=said).json() == {"ok": True}
    (row,) = rows(client)
    assert {**row["feedback"], "time": ""} == {
        "label": "return",
        "comment": "call me: [phone]",
        "time": "",
    }
    assert client.post("/v1/feedback", json={"id": name, "label": None}).status_code == 200
    assert rows(client)[0]["feedback"]["label"] is None
    assert [item.text for item in log_of(client).inbox("shop")] == [ENGLISH]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": "0" * 32, "label": "return"}, 404),
        ({"id": "0" * 32}, 422),
        ({"id": "x", "label": "return"}, 422),
        ({"id": "0" * 32, "label": ""}, 422),
        ({"id": "0" * 32, "label": True}, 422),
        ({"id": "0" * 32, "label": None, "comment": "x" * 2001}, 422),
        ({"id": "0" * 32, "label": None, "more": 1}, 422),
    ],
)
def test_wrong_feedback(client: Any, body: Any, status: int) -> None:
    answer = client.post("/v1/feedback", json=body)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_type"}


def test_selections_of_questions(client: Any) -> None:
    client.post("/v1/classify", json={"text": [ENGLISH, "the weather on mars", " "]})
    assert {row["reason"] for row in rows(client, reason=["ok", "empty"])} <= {"ok", "empty"}
    assert len(rows(client, limit=2)) == 2
    assert len(rows(client, since="1h")) == 3
    assert rows(client, since="2999-01-01") == []
    assert client.get("/v1/questions?since=yesterday").status_code == 422
    assert client.get("/v1/questions?limit=0").status_code == 422


def test_without_a_log(client_of: Any, saved_bots: dict[str, Path]) -> None:
    with client_of(saved_bots["shop"]) as client:
        assert "id" not in client.post("/v1/classify", json={"text": ENGLISH}).json()
        for answer in (
            client.get("/v1/questions"),
            client.post("/v1/feedback", json={"id": "0" * 32, "label": None}),
        ):
            assert answer.status_code == 404
            assert "--log" in answer.json()["error"]


def test_answers_go_on_while_the_database_is_locked(
    client_of: Any, saved_bots: dict[str, Path], tmp_path: Path, sqlite_url: str
) -> None:
    with client_of(saved_bots["shop"], log=sqlite_url) as client:
        log_of(client).store.engine.dispose()
        other = sqlite3.connect(tmp_path / "questions.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        for _ in range(5):
            answer = client.post("/v1/classify", json={"text": ENGLISH})
            assert answer.status_code == 200
        other.execute("ROLLBACK")
        other.close()
        assert log_of(client).flush(20)
        assert len(rows(client)) == 5


def test_callers_do_not_learn_where_the_database_is(
    client_of: Any, saved_bots: dict[str, Path]
) -> None:
    pytest.importorskip("psycopg")
    url = "postgresql://bot:hunter2@127.0.0.1:1/log"
    with client_of(saved_bots["shop"], log=url) as client:
        name = client.post("/v1/classify", json={"text": ENGLISH}).json()["id"]
        for answer in (
            client.get("/v1/questions"),
            client.post("/v1/feedback", json={"id": name, "label": None}),
        ):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            assert "127.0.0.1" not in answer.text


def test_what_was_accepted_is_written_at_the_end(
    client_of: Any, saved_bots: dict[str, Path], sqlite_url: str
) -> None:
    with client_of(saved_bots["shop"], log=sqlite_url) as client:
        for _ in range(3):
            client.post("/v1/classify", json={"text": ENGLISH})
    log = QuestionLog(sqlite_url)
    assert len(log.entries()) == 3
    log.close()
