"""Edits while others ask, on a full disk, and of a damaged folder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from fsl_nlp import FewShotClassifier, load_dataset
from fsl_nlp.artifact import publishing
from fsl_nlp.loading import load_bot
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.teaching import Teacher

ENGLISH = ["where is my parcel", "I want my money back", "do you take cards", "hello"]
CHINESE = ["我的包裹在哪里", "我要退款", "可以刷卡吗", "你好"]


def small_bot(folder: Path, corpus: str, encoder: str) -> Path:
    """A bot of four labels of a corpus, which is edited in a moment."""
    data = load_dataset(corpus)
    labels = set(data.labels[-4:])
    chosen = [e for e in data.examples if e.label in labels]
    bot = FewShotClassifier("proto", encoder, reject=None)
    return bot.fit([e.text for e in chosen], [e.label for e in chosen]).save(folder)  # type: ignore[misc]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return small_bot(tmp_path / "shop", "support_en", "embedded:en")


def answers(folder: Path, questions: list[str]) -> dict[str, tuple[Any, float]]:
    """What the bot in a folder answers: label and confidence."""
    given = load_bot(folder).classify(questions)
    return {q: (a.label, a.confidence) for q, a in zip(questions, given, strict=True)}


@pytest.mark.parametrize(
    ("corpus", "encoder", "questions"),
    [
        pytest.param("support_en", "embedded:en", ENGLISH, marks=pytest.mark.slow),
        pytest.param("support_zh", "embedded:multilingual", CHINESE, marks=pytest.mark.slow),
    ],
)
def test_each_answer_is_of_one_version_while_the_bot_is_edited(
    corpus: str,
    encoder: str,
    questions: list[str],
    tmp_path: Path,
    live_server: Callable[..., Any],
) -> None:
    import httpx

    folder = small_bot(tmp_path / "bot", corpus, encoder)
    label = load_bot(folder).classes_.tolist()[0]
    expected: dict[str, dict[str, tuple[Any, float]]] = {}
    asked: list[tuple[list[str], list[dict[str, Any]]]] = []
    done = threading.Event()

    def ask(url: str, number: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            count = 0
            while not done.is_set():
                several = questions if count % 3 == 0 else [questions[(number + count) % 4]]
                answer = client.post("/v1/classify", json={"text": several})
                assert answer.status_code == 200, answer.text
                asked.append((several, answer.json()))
                count += 1
                time.sleep(0.02)  # the edits need the processor, too

    with live_server(folder) as url, ThreadPoolExecutor(16) as threads:
        asking = [threads.submit(ask, url, number) for number in range(16)]
        try:
            with httpx.Client(base_url=url, timeout=120) as client:
                for number in range(6):
                    version = client.get("/v1/bots/bot").json()["model_version"]
                    expected[version] = answers(folder, questions)
                    path, body = edits(label, number)
                    made = client.post(f"/v1/bots/bot/{path}", json=body)
                    assert made.status_code == 200, made.text
                    # The next question gets the new version.
                    new = client.post("/v1/classify", json={"text": questions[0]}).json()
                    assert new["model_version"] == made.json()["model_version"]
                expected[new["model_version"]] = answers(folder, questions)
        finally:
            done.set()
        for thread in asking:
            thread.result()
    assert len({answer["model_version"] for _, rows in asked for answer in rows}) > 2
    for several, rows in asked:
        assert len({row["model_version"] for row in rows}) == 1
        for question, row in zip(several, rows, strict=True):
            right, confidence = expected[row["model_version"]][question]
            assert row["label"] == right
            assert row["confidence"] == pytest.approx(confidence, abs=0.01)


def edits(label: Any, number: int) -> tuple[str, dict[str, Any]]:
    """The path and the body of the edits, one after another."""
    return (
        ("labels", {"label": "new", "texts": ["can I pay by card", "可以用信用卡吗", "刷卡 card"]}),
        ("examples", {"examples": [{"text": "do you take cards", "label": "new"}]}),
        ("labels/rename", {"old": "new", "new": "付款 pay"}),
        ("labels/merge", {"labels": ["付款 pay", label], "into": label}),
        ("undo", {}),
        ("labels/remove", {"label": "付款 pay"}),
    )[number]


ADD = {"examples": [{"text": "has the courier left", "label": "track_order"}]}


def editor(client: Any) -> Any:
    """The process that edits for a server in this process."""
    return psutil.Process(client.app.state.server.edits._editor._process.pid)


@pytest.mark.slow
def test_on_a_full_disk_the_old_state_is_kept_and_served(
    shop: Path, client_of: Callable[..., Any]
) -> None:
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux limits another process")
    with client_of(shop) as client:
        assert client.post("/v1/bots/shop/examples", json=ADD).json()["after"] == 2
        assert client.post("/v1/bots/shop/undo", json={}).json()["after"] == 1
        before = {path.name: path.read_bytes() for path in shop.iterdir()}
        old = client.post("/v1/classify", json={"text": "has the courier left"}).json()
        unlimited = resource.prlimit(editor(client).pid, resource.RLIMIT_FSIZE, (100, -1))
        for _ in range(2):
            full = client.post("/v1/bots/shop/examples", json=ADD)
            assert (full.status_code, full.json()["error_type"]) == (507, "storage")
            assert "disk of the server is full" in full.json()["error"]
        assert {path.name: path.read_bytes() for path in shop.iterdir()} == before
        assert client.post("/v1/classify", json={"text": "has the courier left"}).json() == old
        assert client.get("/ready").json() == {"status": "ready"}
        resource.prlimit(
            editor(client).pid, resource.RLIMIT_FSIZE, unlimited
        )  # there is room again
        made = client.post("/v1/bots/shop/examples", json=ADD)
        assert (made.status_code, made.json()["after"]) == (200, 2)


@pytest.mark.parametrize("error", [28, 122])  # no space; a user's quota
def test_a_full_disk_leaves_the_files_as_they_were(
    error: int, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = publishing.write_atomically  # type: ignore[attr-defined]
    before = {path.name: path.read_bytes() for path in shop.iterdir()}

    def until_full(path: Path, content: bytes, **options: int) -> None:
        if path.name == "classifier.json":
            raise OSError(error, os.strerror(error), str(path))
        write(path, content, **options)

    def add(bot: FewShotClassifier, _: bool) -> Any:
        return bot.add_examples(["has the courier left"], ["track_order"])

    teacher = Teacher(shop)
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "write_atomically", until_full)
        for _ in range(2):
            with pytest.raises(RequestError, match="disk of the server is full") as refused:
                teacher.change(add)
            assert refused.value.status == 507
    assert {path.name: path.read_bytes() for path in shop.iterdir()} == before
    assert teacher.change(add).after == 2


@pytest.mark.slow
def test_an_editor_that_dies_takes_nothing_with_it(
    shop: Path, client_of: Callable[..., Any]
) -> None:
    with client_of(shop) as client:
        assert client.post("/v1/bots/shop/examples", json=ADD).json()["after"] == 2
        process = editor(client)
        process.suspend()
        with ThreadPoolExecutor(1) as thread:
            undone = thread.submit(client.post, "/v1/bots/shop/undo", json={})
            server = client.app.state.server
            while not server.edits._editor._lock.locked():
                time.sleep(0.01)
            time.sleep(0.2)  # now it is in the pipe
            assert client.post("/v1/classify", json={"text": ENGLISH[0]}).status_code == 200
            process.kill()
            answer = undone.result()
        assert (answer.status_code, answer.json()["error_type"]) == (503, "unavailable")
        assert client.post("/v1/bots/shop/undo", json={}).json()["after"] == 1  # another one


@pytest.mark.slow
def test_another_program_edits_in_between(shop: Path, client_of: Callable[..., Any]) -> None:
    """As another worker does, which this server has not noticed yet."""
    with client_of(shop) as client:
        client.get("/v1/bots/shop")
        teacher = Teacher(shop)
        for after in (2, 4):

            def add(bot: FewShotClassifier, _: bool, text: str = f"money {after}") -> Any:
                return bot.add_examples([text], ["refund_status"])

            assert teacher.change(add).after == after
            body = {"examples": [{"text": f"a courier {after}", "label": "track_order"}]}
            answer = client.post("/v1/bots/shop/examples", json=body)
            assert (answer.status_code, answer.json().get("after")) == (200, after + 1)


@pytest.mark.slow
def test_the_end_of_a_service_does_not_end_an_edit(
    shop: Path, client_of: Callable[..., Any]
) -> None:
    with client_of(shop) as client:
        assert client.post("/v1/bots/shop/examples", json=ADD).json()["after"] == 2
        process = editor(client)
        process.terminate()
        assert client.post("/v1/bots/shop/undo", json={}).json()["after"] == 1
        assert editor(client) == process
    process.wait(30)


def test_a_damaged_folder_is_not_edited_and_the_old_one_answers(
    shop: Path, client_of: Callable[..., Any]
) -> None:
    with client_of(shop) as client:
        # The process that edits reads the sentences in other batches, so last digits change.
        assert client.post("/v1/bots/shop/examples", json=ADD).json()["after"] == 2
        assert client.post("/v1/bots/shop/undo", json={}).json()["after"] == 1
        old = client.post("/v1/classify", json={"text": ENGLISH[0]}).json()
        assert client.post("/v1/bots/shop/examples", json=ADD).json()["after"] == 2
        manifest = (shop / "classifier.json").read_bytes()
        (shop / "classifier.json").write_bytes(manifest[: len(manifest) // 2])
        damaged = client.post("/v1/bots/shop/undo", json={})
        assert (damaged.status_code, damaged.json()["error_type"]) == (503, "unavailable")
        assert "damaged" in damaged.json()["error"]
        client.app.state.server.bots["shop"].refresh()
        ready = client.get("/ready")
        assert ready.json()["status"] == "degraded"
        assert "damaged" in ready.text
        assert client.post("/v1/classify", json={"text": ENGLISH[0]}).status_code == 200
        (shop / "classifier.json").write_bytes(manifest)  # copied again
        undone = client.post("/v1/bots/shop/undo", json={})
        assert (undone.status_code, undone.json()["after"]) == (200, 1)
        assert client.get("/ready").json() == {"status": "ready"}
        assert client.post("/v1/classify", json={"text": ENGLISH[0]}).json() == old


@pytest.mark.parametrize(
    ("name", "replacement", "message"),
    [
        ("os.access", lambda *_: False, "may not write in its folder"),
        ("find_spec", lambda _: None, "has no PyTorch to learn with"),
    ],
)
def test_a_server_that_cannot_edit_says_so_before_it_tries(
    name: str,
    replacement: Callable[..., Any],
    message: str,
    shop: Path,
    client_of: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"fsl_nlp.serving.information.{name}", replacement)
    with client_of(shop) as client:
        info = client.get("/v1/bots/shop").json()
        answer = client.post("/v1/bots/shop/examples", json=ADD)
    assert not info["can_be_edited"]
    assert message in info["why_not"]
    assert (answer.status_code, answer.json()["error"]) == (409, info["why_not"])
