"""The tables of the log: what is written, read, selected, counted and deleted."""

from __future__ import annotations

import os
import sqlite3
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from fsl_nlp.errors import LogError, OptionError
from fsl_nlp.serving.questions.inbox import inbox
from fsl_nlp.serving.questions.question import Entry, Feedback, Question, new_id
from fsl_nlp.serving.questions.reading import ALL, Selection, entries, parse_since, statistics
from fsl_nlp.serving.questions.store import LONGEST, QuestionStore
from fsl_nlp.types import Alternative, Label, Prediction

from .conftest import ask, reject

DAY = timedelta(days=1)
START = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)


def read(store: QuestionStore, selection: Selection = ALL) -> list[Entry]:
    with store.reading() as connection:
        return list(entries(connection, selection))


def texts(store: QuestionStore, **selection: object) -> list[str]:
    return [entry.question.text for entry in read(store, Selection(**selection))]  # type: ignore[arg-type]


def in_inbox(store: QuestionStore, bot: str = "shop") -> dict[str, tuple[int, Label | None]]:
    with store.reading() as connection:
        return {item.text: (item.count, item.label) for item in inbox(connection, bot)}


def test_a_question_comes_back_as_it_was(store: QuestionStore) -> None:
    alternatives = (("refund", 0.07), (3, 0.02), ("3", 0.01), ('"quoted"', 0.0))
    question = ask(
        "我的包裹在哪里？ 👍🏽\tçà\n'; DROP TABLE fsl_nlp_questions; --",
        model_version="2.abc",
        in_scope=0.75,
        alternatives=alternatives,
        request="r-1",
        time=START + timedelta(microseconds=1),
    )
    store.add([question])
    assert read(store) == [Entry(question)]


@pytest.mark.parametrize("label", ["track", 3, "3", -1, "-1", '"', '"3"', "查询", None])
def test_labels_keep_their_type(store: QuestionStore, label: Label | None) -> None:
    question = ask(label=label)
    store.add([question])
    store.give_feedback(Feedback(question.id, label))
    (entry,) = read(store)
    assert entry.question.label == label
    assert entry.feedback is not None
    assert entry.feedback.label == label
    assert type(entry.feedback.label) is type(label)


def test_what_a_database_cannot_hold_is_replaced(store: QuestionStore) -> None:
    store.add([ask("half \ud800 and \0 nothing"), ask("x" * (LONGEST + 1))])
    assert sorted(texts(store), key=len) == ["half ? and \ufffd nothing", "x" * LONGEST]


def test_a_question_is_written_once(store: QuestionStore) -> None:
    first, second = ask("one"), ask("two")
    store.add([first])
    store.add([first, second])
    assert sorted(texts(store)) == ["one", "two"]


def test_a_prediction_becomes_a_question() -> None:
    prediction = Prediction(
        None, 0.4, 0.1, "ambiguous", (Alternative("refund", 0.3),), model_version="1", in_scope=0.9
    )
    row = Question.of("hello", prediction, bot="shop", request="r").to_dict()
    assert row["time"].endswith("+00:00")
    assert {key: row[key] for key in ("text", "label", "reason", "request", "alternatives")} == {
        "text": "hello",
        "label": None,
        "reason": "ambiguous",
        "request": "r",
        "alternatives": [{"label": "refund", "confidence": 0.3}],
    }


def test_selections(store: QuestionStore) -> None:
    store.add(
        [
            ask("old", time=START),
            ask("new", time=START + 2 * DAY),
            reject("rejected", time=START + DAY),
            ask("other", bot="bank", time=START + 3 * DAY),
        ]
    )
    assert texts(store) == ["other", "new", "rejected", "old"]
    assert texts(store, bot="shop", since=START + DAY) == ["new", "rejected"]
    assert texts(store, reasons=("out_of_scope", "ambiguous")) == ["rejected"]
    assert texts(store, bot="none") == []


def test_the_last_feedback_counts(store: QuestionStore) -> None:
    question = ask()
    assert not store.give_feedback(Feedback(question.id, "refund"))
    store.add([question])
    assert store.give_feedback(Feedback(question.id, "refund", "no!"))
    assert store.give_feedback(Feedback(question.id, None, "", START))
    (entry,) = read(store)
    assert entry.feedback == Feedback(question.id, None, "", START)


def test_the_inbox(store: QuestionStore) -> None:
    """Rejected or unsure, or wrong by feedback; not answered, confirmed or dismissed."""
    rejected = [reject("cancel it"), reject("Cancel  it"), reject("weather?")]
    unsure = ask("money", label=None, reason="ambiguous", confidence=0.4)
    confirmed = ask("yes", reason="ambiguous")
    wrong, no_label = ask("send it back"), ask("tell me a joke")
    store.add([*rejected, unsure, confirmed, wrong, no_label, ask("fine"), ask(label="refund")])
    store.add([reject("elsewhere", bot="bank"), ask("  ", label=None, reason="empty")])
    store.give_feedback(Feedback(confirmed.id, "track"))
    store.give_feedback(Feedback(wrong.id, "return"))
    store.give_feedback(Feedback(no_label.id, None))
    store.give_feedback(Feedback(unsure.id, "refund"))
    store.give_feedback(Feedback(rejected[2].id, None))  # to reject it was right
    expected = {
        "Cancel  it": (2, None),
        "weather?": (1, None),
        "money": (1, "refund"),
        "send it back": (1, "return"),
        "tell me a joke": (1, None),
    }
    assert in_inbox(store) == expected
    store.dismiss("shop", ["WEATHER?", "never asked"])
    store.dismiss("shop", ["weather?"])
    store.dismiss("bank", ["cancel it"])
    del expected["weather?"]
    assert in_inbox(store) == expected
    with store.reading() as connection:
        items = inbox(connection, "shop")
        assert [len(inbox(connection, "shop", limit=1)), items[0].count] == [1, 2]


def test_most_users_name_the_label_of_the_inbox(store: QuestionStore) -> None:
    questions = [reject("cancel it") for _ in range(3)]
    store.add(questions)
    for question, label in zip(questions, ["stop", "refund", "stop"], strict=True):
        store.give_feedback(Feedback(question.id, label))
    assert in_inbox(store) == {"cancel it": (3, "stop")}


def test_statistics(store: QuestionStore) -> None:
    right, wrong = ask(time=START), ask(label="refund", time=START + DAY)
    store.add([right, wrong, ask(time=START), reject("x", time=START), reject("y", bot="a")])
    store.give_feedback(Feedback(right.id, "track"))
    store.give_feedback(Feedback(wrong.id, None))
    with store.reading() as connection:
        other, shop = statistics(connection)
        assert statistics(connection, Selection("shop", since=START + DAY))[0].questions == 1
    assert (other.bot, other.questions, other.answered, other.labels) == ("a", 1, 0, ())
    assert shop.to_dict() == {
        "bot": "shop",
        "questions": 4,
        "answered": 3,
        "reasons": {"ok": 3, "out_of_scope": 1},
        "labels": [{"label": "track", "questions": 2}, {"label": "refund", "questions": 1}],
        "right": 1,
        "wrong": 1,
        "first": "2026-11-01T12:00:00+00:00",
        "last": "2026-11-02T12:00:00+00:00",
    }


def test_old_questions_go_with_their_feedback(
    store: QuestionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsl_nlp.serving.questions.store._PRUNED_AT_ONCE", 2)
    old = [reject(f"old {i}", time=START + i * DAY) for i in range(5)]
    store.add([*old, reject("new", time=START + 5 * DAY)])
    for question in old:
        store.give_feedback(Feedback(question.id, "track", time=START + 9 * DAY))
    store.dismiss("shop", ["old 1", "new"])
    assert store.prune(START + 5 * DAY) == 5
    assert texts(store) == ["new"]
    assert in_inbox(store) == {}
    assert store.prune(START + 5 * DAY) == 0
    # Nothing is left of them.
    store.add(old)
    assert all(entry.feedback is None for entry in read(store))


def test_dismissals_go_with_the_last_question(store: QuestionStore) -> None:
    store.add([reject("gone", time=START)])
    store.dismiss("shop", ["gone"])
    store.prune(datetime.now(timezone.utc) + DAY)
    store.add([reject("gone")])
    assert in_inbox(store) == {"gone": (1, None)}


def test_forgotten_questions_are_in_no_file(sqlite_url: str, tmp_path: Path) -> None:
    store = QuestionStore(sqlite_url)
    store.prepare()
    secret, other = ask("the secret of Max Mustermann"), ask("anything else")
    store.add([secret, other])
    store.give_feedback(Feedback(secret.id, "track", "Mustermann complains"))
    everything = lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: E731
    assert b"Mustermann" in everything()
    assert store.forget([secret.id, new_id()]) == 1
    assert b"Mustermann" not in everything()
    assert texts(store) == ["anything else"]
    store.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_only_the_owner_can_read_the_file(store: QuestionStore, tmp_path: Path) -> None:
    store.add([ask()])
    with store.reading():
        files = list(tmp_path.iterdir())
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
        assert len(files) in (0, 3)  # none for PostgreSQL; the WAL has a file and an index


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("bot.db", "write sqlite:///bot.db"),
        ("mysql://root@db/log", "'mysql' is not supported"),
        ("sqlite://", "would be lost"),
        ("sqlite:///:memory:", "would be lost"),
        ("", "is no URL"),
    ],
)
def test_wrong_urls_are_refused(url: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        QuestionStore(url)


def test_files_that_are_no_log_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="does not exist"):
        QuestionStore(f"sqlite:///{tmp_path}/none.db", create=False).prepare()
    assert not list(tmp_path.iterdir())
    with pytest.raises(LogError, match="cannot be made: No such file or directory"):
        QuestionStore(f"sqlite:///{tmp_path}/none/questions.db").prepare()
    (tmp_path / "text.db").write_text("This is no database. " * 100)
    with pytest.raises(LogError, match="DatabaseError"):
        QuestionStore(f"sqlite:///{tmp_path}/text.db").prepare()
    with pytest.raises(LogError, match="unable to open database file"):
        QuestionStore(f"sqlite:///{tmp_path}").prepare()


def test_passwords_are_not_in_messages() -> None:
    pytest.importorskip("psycopg")
    store = QuestionStore("postgresql://bot:hunter2@127.0.0.1:1/log?connect_timeout=2")
    with pytest.raises(LogError, match=r"postgresql://bot:\*\*\*@127.0.0.1:1") as error:
        store.prepare()
    assert "hunter2" not in str(error.value)
    assert "refused" in str(error.value)


def test_a_table_of_another_program_stays(sqlite_url: str, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "questions.db")
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    store = QuestionStore(sqlite_url)
    store.prepare()
    store.add([ask()])
    assert len(texts(store)) == 1
    store.close()


def test_times() -> None:
    assert parse_since("2026-11-28T17:00+02:00") == parse_since("2026-11-28T15:00Z")
    assert parse_since("2026-11-28T17:00 02:00") == parse_since("2026-11-28T15:00")
    assert parse_since("2026-11-28 15:00").hour == 15
    ago = datetime.now(timezone.utc) - parse_since("36h")
    assert abs(ago - timedelta(hours=36)) < timedelta(minutes=1)
    for wrong in ("yesterday", "", "7", "99999999999d", "2026-13-01"):
        with pytest.raises(OptionError, match="write a day"):
            parse_since(wrong)
