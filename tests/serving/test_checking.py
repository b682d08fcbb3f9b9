"""What is wrong with the sentences of a bot, and the inbox of what it could not answer."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.serving.inbox import Inbox
from fsl_nlp.serving.jobs import read_jobs
from fsl_nlp.serving.results import Results

LIMIT = 120.0  # seconds


def settled(client: Any, path: str) -> dict[str, Any]:
    """The answer, when the job that it needs is done."""
    end = time.monotonic() + LIMIT
    while (answer := client.get(path)).status_code == 202:
        job = client.get(f"/v1/jobs/{answer.json()['job']}").json()
        assert job["state"] != "failed", job
        assert time.monotonic() < end
        time.sleep(0.1)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


@pytest.fixture(scope="module")
def changing(
    saved_bots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, client_of: Any
) -> Iterator[Any]:
    """A client of a server with both bots and a log."""
    folder = tmp_path_factory.mktemp("changing")
    bots = [shutil.copytree(path, folder / name) for name, path in saved_bots.items()]
    with client_of(*bots, log=f"sqlite:///{folder}/log.db") as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shop", "shop-zh"])
def test_the_check_of_a_bot_is_kept_until_it_changes(changing: Any, name: str) -> None:
    path = f"/v1/bots/{name}/lint"
    first = changing.get(path)
    assert first.status_code == 202
    assert changing.get(path).json() == first.json()  # the same job
    report = settled(changing, path)
    info = changing.get(f"/v1/bots/{name}").json()
    assert report["texts"] == len(report["map"]) == info["examples"]
    assert report["model_version"] == info["model_version"]
    assert report["headline"].startswith(f"{name}: {info['examples']} texts")
    assert 0.3 < report["accuracy"]["value"] <= 1
    rows = changing.get(f"/v1/bots/{name}/examples", params={"limit": 1000}).json()["examples"]
    shown = [(text, report["labels"][label]) for *_, label, _, text in report["map"]]
    assert shown == [(row["text"], row["label"]) for row in rows]
    assert all(
        -1 <= x <= 1 and -1 <= y <= 1 and flag in (0, 1) for x, y, _, flag, _ in report["map"]
    )
    for finding in report["findings"]:
        if finding["kind"] == "confusable":  # both sides, to see them side by side
            assert {s["label"] for s in finding["sentences"]} <= set(finding["labels"])
    again = changing.get(path)
    assert (again.status_code, again.json()) == (200, report)


@pytest.mark.slow
def test_a_wrong_label_is_flagged_and_an_edit_makes_a_new_check(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    bot = FewShotClassifier.load(folder)
    bot.add_examples(["where is my parcel right now please"], ["refund_status"])
    bot.save(folder)
    with client_of(folder) as client:
        report = settled(client, "/v1/bots/shop/lint")
        flagged = [text for *_, flag, text in report["map"] if flag]
        wrong = [f["sentences"][0]["text"] for f in report["findings"] if f["kind"] == "mislabel"]
        assert sorted(flagged) == sorted(wrong)
        bot.undo()
        bot.save(folder)
        client.app.state.server.bots["shop"].refresh()
        assert client.get("/v1/bots/shop/lint").status_code == 202
    (kept,) = (tmp_path / ".fsl-nlp-serve" / "results").glob("lint-*.json")
    assert kept.stat().st_mode & 0o077 == 0


def test_a_bot_without_sentences_cannot_be_checked(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    bare = FewShotClassifier.load(saved_bots["shop"]).save(tmp_path / "bare", store_examples=False)
    with client_of(bare) as client:
        answer = client.get("/v1/bots/bare/lint")
    assert (answer.status_code, answer.json()["error_type"]) == (409, "conflict")


QUESTIONS = {
    "shop": [f"why is {what}" for what in ("the sky blue", "the sea green", "grass green")],
    "shop-zh": [
        f"可以{what}吗" for what in ("礼品包装", "帮我包装成礼物", "做礼品包装", "包成礼物")
    ],
}


def ask(client: Any, bot: str, texts: list[str]) -> set[str]:
    """Ask, wait until the log has it, and give what was not answered."""
    answers = client.post("/v1/classify", json={"text": texts, "bot": bot}).json()
    assert client.app.state.server.questions.flush()
    rows = zip(texts, answers, strict=True)
    return {text for text, answer in rows if answer["label"] is None}


@pytest.mark.parametrize("name", ["shop", pytest.param("shop-zh", marks=pytest.mark.slow)])
def test_the_inbox_has_what_was_not_answered_until_it_is_dismissed(
    changing: Any, name: str
) -> None:
    path = f"/v1/bots/{name}/inbox"
    assert changing.get(path).json() == {"texts": 0, "unknown": 0, "to_label": [], "new_labels": []}
    odd = ask(changing, name, QUESTIONS[name] * 2)
    assert len(odd) > 1
    inbox = settled(changing, path)
    assert inbox["texts"] == len(odd)
    assert {item["text"] for item in inbox["to_label"]} == odd
    assert {item["count"] for item in inbox["to_label"]} == {2}
    assert {text for group in inbox["new_labels"] for text in group["texts"]} <= odd
    start = time.monotonic()
    assert changing.get(path).json() == inbox
    assert time.monotonic() - start < 2

    gone = min(odd)
    assert changing.post(f"{path}/dismiss", json={"texts": [gone]}).json() == {"ok": True}
    after = changing.get(path)  # at once, though the groups are made again
    assert after.status_code == 200
    assert gone not in str(after.json())
    assert after.json()["texts"] == len(odd) - 1
    end = time.monotonic() + LIMIT
    while "job" in (settled_again := changing.get(path).json()):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert {item["text"] for item in settled_again["to_label"]} == odd - {gone}


def test_the_questions_are_in_no_file_of_a_job_that_is_done(changing: Any) -> None:
    server = changing.app.state.server
    odd = ask(changing, "shop", ["why is a unicorn white"])
    assert odd
    settled(changing, "/v1/bots/shop/inbox")
    end = time.monotonic() + LIMIT
    while not all(job.is_over for job in read_jobs(server.jobs.folder)):
        assert time.monotonic() < end
        time.sleep(0.1)
    files = [path for path in server.jobs.folder.rglob("*") if path.is_file()]
    assert files
    assert not any("unicorn" in path.read_text() for path in files)


def test_without_a_log_there_is_no_inbox(client: Any) -> None:
    answer = client.get("/v1/bots/shop/inbox")
    assert answer.status_code == 404
    assert "--log" in answer.json()["error"]
    answer = client.post("/v1/bots/shop/inbox/dismiss", json={"texts": ["a"]})
    assert answer.status_code == 404
    assert client.get("/v1/bots/none/inbox").status_code == 404


@dataclass(frozen=True)
class Text:
    text: str
    count: int = 1


def test_an_older_result_is_shown_without_what_was_dealt_with() -> None:
    inbox = Inbox.of([Text("a", 3), Text("b"), Text("d"), Text(" ")], {"d"}, 20)
    older = {
        "texts": 9,
        "unknown": 3,
        "to_label": [{"text": "a", "count": 1}, {"text": "c", "count": 1}],
        "new_labels": [
            {"name": "x", "count": 2, "texts": ["a", "c"]},
            {"name": "y", "count": 1, "texts": ["d"]},
        ],
    }
    assert inbox.current(json.dumps(older).encode()) == {
        "texts": 2,
        "unknown": 1,
        "to_label": [{"text": "a", "count": 3}],
        "new_labels": [{"name": "x", "count": 3, "texts": ["a"]}],
    }
    again = Inbox.of([Text("b", 7), Text("a", 5)], (), 20)
    assert again.key("v1") == inbox.key("v1") != inbox.key("v2")


def test_results_are_kept_for_one_key_and_one_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = Results(tmp_path / "results")
    bot, other = tmp_path / "bot", tmp_path / "other"
    results.write("lint", bot, "1", {"n": 1})
    results.write("lint", other, "1", {"n": 2})
    results.write("lint", bot, "2", {"n": 3})
    assert results.read("lint", bot, "1") is None
    assert results.read("lint", bot, "2") == results.last("lint", bot) == b'{"n": 3}'
    assert results.read("lint", other, "1") == b'{"n": 2}'
    results.forget()
    assert results.last("lint", other) is not None
    monkeypatch.setattr("fsl_nlp.serving.results._KEPT", -1.0)
    results.forget()
    assert results.last("lint", other) is None
