"""`POST /v1/classify`."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_text_gets_an_answer_and_a_list_gets_a_list(client: Any) -> None:
    answer = client.post("/v1/classify", json={"text": "where is my parcel"}).json()
    assert (answer["bot"], answer["label"], answer["reason"]) == ("shop", "track_order", "ok")
    body = {"text": ["我的包裹在哪里"], "bot": "shop-zh", "nearest": 1, "top_k": 2}
    (answer,) = client.post("/v1/classify", json=body).json()
    assert answer["label"] == "查询物流"
    assert len(answer["nearest"]) == 1
    assert client.post("/v1/classify", json={"text": []}).json() == []


def test_what_no_label_covers_gets_null(client: Any) -> None:
    answer = client.post("/v1/classify", json={"text": "why is the sky blue"}).json()
    assert (answer["label"], answer["reason"]) == (None, "out_of_scope")


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"text": 5}, 422, "text"),
        ({}, 422, "text"),
        ({"text": "a", "bot": "shopp"}, 404, "Did you mean shop"),
        ({"text": ["a"] * 257}, 413, "256"),
        ({"text": "a" * 10_001}, 413, "10000"),
        ({"text": "a", "top_k": 0}, 422, "top_k"),
        ({"text": "a", "nearst": 1}, 422, "nearst"),
    ],
)
def test_bad_requests_get_one_sentence(
    client: Any, body: dict[str, Any], status: int, word: str
) -> None:
    answer = client.post("/v1/classify", json=body)
    assert answer.status_code == status
    assert word in answer.json()["error"]
