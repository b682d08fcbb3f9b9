"""`POST /model/parse`, as Rasa and its clients ask, and as Rasa answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.serving.keys import add_key
from tests.serving.shapes import same_shape

RECORDED = json.loads((Path(__file__).parent / "recorded/rasa.json").read_text())
ANSWERS = RECORDED["answers"]


def parse(client: Any, text: str, query: str = "") -> Any:
    answer = client.post(f"/model/parse{query}", json={"text": text})
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("name", RECORDED["requests"])
def test_a_recorded_request_gets_an_answer_of_the_recorded_shape(client: Any, name: str) -> None:
    request = RECORDED["requests"][name]
    answer = client.post(
        "/model/parse", content=json.dumps(request["body"]), headers=request["headers"]
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert same_shape(body, ANSWERS["an intent"])
    assert list(body) == list(ANSWERS["an intent"])
    assert body["text"] == "where is my parcel"
    assert body["intent"]["name"] == "track_order"
    assert body["intent"] == body["intent_ranking"][0]
    assert body["text_tokens"] == [[0, 5], [6, 8], [9, 11], [12, 18]]
    if "message_id" in request["body"]:
        assert body["message_id"] == request["body"]["message_id"]


def test_the_ranking_is_sorted_and_has_ten_intents_at_most(client: Any) -> None:
    confidences = [
        row["confidence"] for row in parse(client, "where is my parcel")["intent_ranking"]
    ]
    assert len(confidences) == 10
    assert confidences == sorted(confidences, reverse=True)


def test_what_the_bot_does_not_know_is_nlu_fallback_before_the_best_label(client: Any) -> None:
    body = parse(client, "why is the sky blue")
    assert same_shape(body, ANSWERS["no intent"])
    assert body["intent"]["name"] == ANSWERS["no intent"]["intent"]["name"] == "nlu_fallback"
    assert body["intent"] == body["intent_ranking"][0]
    # Rasa asks "did you mean" with the second of the ranking.
    asked = client.post("/v1/classify", json={"text": "why is the sky blue"}).json()
    best = asked["alternatives"][0]
    assert body["intent_ranking"][1] == {"name": best["label"], "confidence": best["confidence"]}
    expected = 1 - best["confidence"] * asked["in_scope"]
    assert body["intent"]["confidence"] == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_blank_message_is_nlu_fallback(client: Any, text: str) -> None:
    body = parse(client, text)
    assert body["intent_ranking"] == [{"name": "nlu_fallback", "confidence": 1.0}]
    assert (body["text"], body["text_tokens"]) == (text, [])


def test_chinese_and_the_bot_in_the_path_or_in_the_query(client: Any) -> None:
    for path in ("/v1/bots/shop-zh/model/parse", "/model/parse?bot=shop-zh"):
        body = client.post(path, json={"text": "我的包裹在哪里"}).json()
        assert body["intent"]["name"] == "查询物流"
        assert body["text_tokens"][0] == [0, 1]
    assert client.post("/model/parse?bot=shp", json={"text": "a"}).status_code == 404


def test_a_button_names_its_intent(client: Any) -> None:
    recorded = ANSWERS["a button"]
    body = parse(client, recorded["text"])
    assert {name: body[name] for name in recorded} == recorded
    intent = parse(client, "/track_order")["intent"]
    assert intent == {"name": "track_order", "confidence": 1.0}


@pytest.mark.parametrize(
    "text",
    [
        '/inform{"size": NaN}',
        '/inform{"size": 1e999}',
        '/inform{"size": "\\ud800"}',
        "/inform{" + '"a":[' * 1500 + "]" * 1500 + "}",
        "/inform{size}",
    ],
)
def test_a_button_with_damaged_entities_has_none(client: Any, text: str) -> None:
    body = parse(client, text)
    assert (body["intent"]["name"], body["entities"]) == ("inform", [])


def test_a_question_that_begins_with_a_slash_is_a_question(client: Any) -> None:
    assert parse(client, "/ where is my parcel")["intent"]["name"] == "track_order"


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/model/parse", b"", 422),
        ("/model/parse", b"{", 422),
        ("/model/parse", b'{"text": "\xff"}', 422),
        ("/model/parse", b'{"text": "\\ud800"}', 422),
        ("/model/parse", b"{}", 422),
        ("/model/parse", b'{"text": null}', 422),
        ("/model/parse", b"[" * 100_000, 422),
        ("/model/parse", b'{"text": "%s"}' % (b"a" * 10_001), 413),
        ("/model/parse?emulation_mode=luis", b'{"text": "a"}', 422),
    ],
)
def test_what_is_no_message_gets_one_sentence(
    client: Any, path: str, content: bytes, status: int
) -> None:
    answer = client.post(path, content=content)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_type"}


def test_the_token_of_endpoints_yml_is_a_key(
    client_of: Callable[..., Any], saved_bots: dict[str, Path], tmp_path: Path
) -> None:
    key = add_key(tmp_path / "keys.json", "rasa", "ask")
    with client_of(saved_bots["shop"], keys=tmp_path / "keys.json") as client:
        message = {"text": "where is my parcel", "message_id": "1"}
        statuses = [
            client.post("/model/parse", json={**message, "token": key}).status_code,
            client.post(f"/model/parse?token={key}", json=message).status_code,
            client.post("/model/parse", json=message, headers={"X-API-Key": key}).status_code,
            client.post("/model/parse", json={**message, "token": None}).status_code,
            client.post("/model/parse", json={**message, "token": "guess"}).status_code,
        ]
    assert statuses == [200, 200, 200, 401, 401]
