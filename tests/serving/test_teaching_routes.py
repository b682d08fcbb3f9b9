"""Edits over HTTP: what they answer, what they refuse, and what is on the disk then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.locks import locked
from fsl_nlp.serving.errors import RequestError


@pytest.fixture(scope="module")
def teaching(saved_bots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the bots, which the tests of this file edit, and leave as they were."""
    folder = tmp_path_factory.mktemp("taught")
    for name, saved in saved_bots.items():
        shutil.copytree(saved, folder / name)
    return folder


@pytest.fixture(scope="module")
def taught(teaching: Path, client_of: Callable[..., Any]) -> Iterator[Any]:
    """A client of a server of the copies."""
    with client_of(teaching / "shop", teaching / "shop-zh") as client:
        yield client


def post(client: Any, path: str, body: Any = None, *, status: int = 200) -> dict[str, Any]:
    answer = client.post(f"/v1/bots/{path}", json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def stored(folder: Path) -> dict[str, Any]:
    """The label of each text that a folder holds."""
    return {e.text: e.label for e in FewShotClassifier.load(folder).examples_}


@pytest.mark.slow
def test_sentences_are_added_moved_and_removed(taught: Any, teaching: Path) -> None:
    texts = ["has the courier left the depot", "give me the money back now"]
    labels = ["track_order", "refund_status"]
    before = taught.get("/v1/bots/shop").json()
    rows = [{"text": t, "label": x} for t, x in zip(texts, labels, strict=True)]
    added = post(taught, "shop/examples", {"examples": rows})
    assert (added["applied"], added["before"], added["after"]) == (True, 1, 2)
    assert added["bot"] == taught.get("/v1/bots/shop").json()
    assert added["bot"]["model_version"] == added["model_version"] != before["model_version"]
    assert added["bot"]["examples"] == before["examples"] + 2
    # It is on the disk, and answers.
    assert {text: stored(teaching / "shop")[text] for text in texts} == dict(
        zip(texts, labels, strict=True)
    )
    asked = taught.post("/v1/classify", json={"text": texts[0], "bot": "shop"}).json()
    assert (asked["label"], asked["model_version"]) == ("track_order", added["model_version"])

    moved = post(taught, "shop/relabel", {"texts": texts[:1], "label": "refund_status"})
    assert moved["summary"] == "relabelled 1 text of 'track_order' as 'refund_status'"
    assert stored(teaching / "shop")[texts[0]] == "refund_status"
    difference = taught.get("/v1/bots/shop/diff").json()
    assert [row["text"] for row in difference["relabelled"]] == texts[:1]
    removed = taught.request("DELETE", "/v1/bots/shop/examples", json={"texts": texts[:1]}).json()
    assert removed["after"] == 4
    assert post(taught, "shop/examples/remove", {"texts": texts[1:]})["after"] == 5
    for after in (4, 3, 2, 1):
        assert post(taught, "shop/undo", {})["after"] == after
    assert taught.get("/v1/bots/shop").json()["model_version"] == before["model_version"]
    assert taught.get("/v1/bots/shop/diff").status_code == 404


@pytest.mark.slow
def test_labels_come_and_go_in_chinese(taught: Any, teaching: Path) -> None:
    sentences = ["可以用支付宝吗", "能刷信用卡吗", "支持微信付款吗"]
    added = post(
        taught,
        "shop-zh/labels",
        {"label": "付款方式", "texts": sentences, "description": "怎么付款"},
    )
    (label,) = [x for x in added["bot"]["labels"] if x["label"] == "付款方式"]
    assert (label["examples"], label["description"]) == (3, "怎么付款")
    asked = taught.post("/v1/classify", json={"text": "能用微信支付吗", "bot": "shop-zh"}).json()
    assert asked["label"] == "付款方式"
    post(taught, "shop-zh/labels/rename", {"old": "付款方式", "new": "支付"})
    merged = post(taught, "shop-zh/labels/merge", {"labels": ["支付", "支付失败"], "into": "支付"})
    assert "支付失败" not in [x["label"] for x in merged["bot"]["labels"]]
    assert stored(teaching / "shop-zh")["可以用支付宝吗"] == "支付"
    gone = post(taught, "shop-zh/labels/remove", {"label": "支付"})
    assert "支付" not in [x["label"] for x in gone["bot"]["labels"]]
    for _ in range(4):
        post(taught, "shop-zh/undo")  # a body is not needed
    assert "支付失败" in stored(teaching / "shop-zh").values()


JSON = {"Content-Type": "application/json"}
TRACK = {"examples": [{"text": "a new sentence", "label": "track_order"}]}


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("nobody/undo", {}, 404, "There is no bot 'nobody'"),
        ("shop/examples", {"examples": []}, 422, "examples: List should have at least 1 item"),
        ("shop/examples", {"examples": [{"text": "x", "label": "trak_order"}]}, 422, "Did you mea"),
        ("shop/examples", {"examples": [{"text": " ", "label": "track_order"}]}, 422, "is empty"),
        ("shop/examples", {"examples": [{"text": "x", "label": True}]}, 422, "a whole number"),
        ("shop/examples", {"examples": [{"text": "x", "label": 1.5}]}, 422, "a whole number"),
        ("shop/examples", {"examples": [{"text": "x"}]}, 422, "examples.0.label: Field required"),
        ("shop/examples", {"examples": [{"text": "x" * 10_001, "label": "a"}]}, 413, "characters"),
        ("shop/examples", {"examples": [{"text": "\ud800", "label": "a"}]}, 422, "surrogate"),
        ("shop/examples", {**TRACK, "expected_version": "abc"}, 409, "not at 'abc'"),
        ("shop/examples", {**TRACK, "sure": True}, 422, "sure: Extra inputs"),
        ("shop/examples/remove", {"texts": ["never stored"]}, 422, "This is no stored example"),
        ("shop/labels", {"label": "track_order", "texts": ["x"]}, 422, "exists"),
        ("shop/labels", {"label": "new"}, 422, "Give texts of the label"),
        ("shop/labels/rename", {"old": "track_order", "new": "return_item"}, 422, "merge_labels"),
        ("shop/relabel", {"texts": ["never stored"], "label": "track_order"}, 422, "no stored"),
        ("shop/undo", {}, 422, "There is no edit to undo"),
        ("shop/adapt", TRACK, 409, "not meta-learned"),
        ("shop/adapt", {**TRACK, "steps": 6}, 422, "steps: Input should be less than or equal"),
        ("shop/adapt", {**TRACK, "refuse_if_worse": True}, 422, "estimates no accuracy"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    taught: Any, teaching: Path, path: str, body: Any, status: int, message: str
) -> None:
    manifest = (teaching / "shop" / "classifier.json").read_bytes()
    answer = taught.post(f"/v1/bots/{path}", content=json.dumps(body), headers=JSON)
    assert (answer.status_code, message in answer.json()["error"]) == (status, True), answer.text
    assert (teaching / "shop" / "classifier.json").read_bytes() == manifest


def test_an_edit_that_makes_it_worse_is_refused(taught: Any, teaching: Path) -> None:
    labels = sorted(set(stored(teaching / "shop").values()), key=str)
    crossed = [
        {"text": f"where is my parcel {n} and my refund", "label": labels[n % len(labels)]}
        for n in range(4 * len(labels))
    ]
    manifest = (teaching / "shop" / "classifier.json").read_bytes()
    answer = post(taught, "shop/examples", {"examples": crossed, "refuse_if_worse": True})
    assert (answer["applied"], answer["after"]) == (False, answer["before"])
    assert answer["expected_after"]["accuracy"] < answer["expected_before"]["accuracy"]
    assert answer["bot"] == taught.get("/v1/bots/shop").json()
    assert (teaching / "shop" / "classifier.json").read_bytes() == manifest


@pytest.mark.slow
def test_numbers_stay_numbers(tmp_path: Path, client_of: Callable[..., Any]) -> None:
    bot = FewShotClassifier("proto", "embedded:en", reject=None)
    bot.fit(["where is my parcel", "I want my money back"], [7, 12]).save(tmp_path / "numbers")
    with client_of(tmp_path / "numbers") as client:
        rows = [{"text": "my order is late", "label": 7}, {"text": "refund me", "label": "12"}]
        post(client, "numbers/examples", {"examples": rows})
        edit = post(client, "numbers/labels", {"label": 3, "texts": ["hello there"]})
        assert [x["label"] for x in edit["bot"]["labels"]] == [3, 7, 12]
        answer = client.post("/v1/classify", json={"text": "refund me please"}).json()
        assert answer["label"] == 12
    assert stored(tmp_path / "numbers")["refund me"] == 12


def test_bots_that_cannot_be_edited_say_why(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    from fsl_nlp.export import export_bot

    bot = FewShotClassifier.load(saved_bots["shop"])
    bare = bot.save(tmp_path / "bare", store_examples=False)
    exported = export_bot(bot, tmp_path / "exported").folder
    with client_of(bare, exported) as client:
        for name in ("bare", "exported"):
            error = post(client, f"{name}/examples", TRACK, status=409)
            assert error == {
                "error": client.get(f"/v1/bots/{name}").json()["why_not"],
                "error_type": "conflict",
            }


def test_too_many_edits_are_refused_at_once(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    with client_of(folder) as client:
        server = client.app.state.server
        edits = server.edits[server.bots["shop"]]
        with locked(folder):  # as another program that edits it
            waiting = [edits.make("undo", {}) for _ in range(9)]
            answer = client.post("/v1/bots/shop/undo", json={})
            assert (answer.status_code, answer.json()["error_type"]) == (429, "overloaded")
            assert int(answer.headers["retry-after"]) > 0
        for future in waiting:
            with pytest.raises(RequestError, match="no edit to undo"):
                future.result()
        assert client.post("/v1/bots/shop/undo", json={}).status_code == 422


def test_teaching_needs_the_role(
    saved_bots: dict[str, Path], client_of: Callable[..., Any], tmp_path: Path
) -> None:
    from fsl_nlp.serving.keys import add_key

    keys = {role: add_key(tmp_path / "keys.json", role, role) for role in ("ask", "teach")}
    with client_of(saved_bots["shop"], keys=tmp_path / "keys.json") as client:
        for role, status in (("ask", 403), ("teach", 422)):
            headers = {"X-API-Key": keys[role]}
            assert client.post("/v1/bots/shop/undo", headers=headers).status_code == status
        assert client.post("/v1/bots/shop/undo").status_code == 401


def test_stored_sentences_can_get_a_new_label(taught: Any, teaching: Path) -> None:
    before = stored(teaching / "shop")
    text = next(text for text, label in before.items() if label == "track_order")
    body = {"texts": [text], "label": "complaint"}
    assert "no label 'complaint'" in post(taught, "shop/relabel", body, status=422)["error"]
    made = post(taught, "shop/relabel", {**body, "create": True})
    assert "complaint" in [row["label"] for row in made["bot"]["labels"]]
    assert stored(teaching / "shop") == {**before, text: "complaint"}
    post(taught, "shop/undo")
    assert stored(teaching / "shop") == before
