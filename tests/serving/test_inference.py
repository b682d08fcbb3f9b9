"""Scores and vectors, in the shapes of Hugging Face and of OpenAI."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsl_nlp import Example, FewShotClassifier
from fsl_nlp.serving.keys import add_key
from tests.serving.shapes import same_shape

RECORDED = json.loads((Path(__file__).parent / "recorded/inference.json").read_text())
PREDICT, EMBED = (
    RECORDED["text-embeddings-inference"],
    RECORDED["text-embeddings-inference, vectors"],
)
OPENAI = RECORDED["openai"]
PARCEL = "where is my parcel"


def post(client: Any, path: str, body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("name", PREDICT["requests"])
def test_predict_answers_recorded_requests_in_the_recorded_shape(client: Any, name: str) -> None:
    request = PREDICT["requests"][name]
    answer = post(client, PREDICT["path"], request)
    is_batch = name == "a batch"
    assert same_shape(answer, PREDICT["answers"]["a batch" if is_batch else "a text"])
    rows = answer if is_batch else [answer]
    assert [row[0]["label"] for row in rows] == ["track_order", "refund_status"][: len(rows)]
    for row in rows:
        assert list(row[0]) == ["score", "label"]
        scores = [item["score"] for item in row]
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) == pytest.approx(1)
    assert len(rows[0]) == len(client.get("/v1/bots/shop").json()["labels"])


def test_a_batch_and_its_texts_get_the_same_scores(client: Any) -> None:
    texts = [PARCEL, "the jacket is too big", "why is the sky blue"]
    together = post(client, "/predict", {"inputs": [[text] for text in texts]})
    for text, row in zip(texts, together, strict=True):
        alone = post(client, "/predict", {"inputs": text})
        assert [item["label"] for item in alone] == [item["label"] for item in row]
        assert alone[0]["score"] == pytest.approx(row[0]["score"], abs=1e-5)


def test_raw_scores_are_logarithms_of_the_probabilities(client: Any) -> None:
    scores = post(client, "/predict", {"inputs": PARCEL})
    raw = post(client, "/predict", {"inputs": PARCEL, "raw_scores": True})
    assert [row["label"] for row in raw] == [row["label"] for row in scores]
    assert raw[0]["score"] == pytest.approx(math.log(scores[0]["score"]))


@pytest.mark.parametrize("path", ["/predict", "/"])
def test_unknown_names_what_the_bot_does_not_know(client: Any, path: str) -> None:
    def labels(text: str, query: str = "") -> list[str]:
        rows = post(client, path + query, {"inputs": text})
        return [row["label"] for row in (rows if path == "/predict" else rows[0])]

    plain = labels("why is the sky blue")
    assert labels("why is the sky blue", "?unknown=none") == ["none", *plain]
    assert labels(PARCEL, "?unknown=none") == labels(PARCEL)


def test_chinese(client: Any) -> None:
    rows = post(client, "/predict?bot=shop-zh", {"inputs": "我的包裹在哪里"})
    assert rows[0]["label"] == "查询物流"
    data = post(client, "/v1/embeddings", {"input": "我的包裹在哪里", "model": "shop-zh"})
    assert data["model"] == "shop-zh"


def test_a_text_that_is_not_read_whole_is_refused_without_truncate(client: Any) -> None:
    long = "where is my parcel " * 300
    assert client.post("/predict", json={"inputs": long}).status_code == 200
    answer = client.post("/predict", json={"inputs": long, "truncate": False})
    assert (answer.status_code, answer.json()["error_type"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("/predict", {}, 422, "inputs"),
        ("/predict", {"inputs": []}, 422, 'a pair ["a", "b"]'),
        ("/predict", {"inputs": ["a", "b", "c"]}, 422, "a batch"),
        ("/predict", {"inputs": [["a"], "b"]}, 422, "a batch"),
        ("/predict", {"inputs": [["a", "b", "c"]]}, 422, "a batch"),
        ("/predict", {"inputs": ["a", "b"]}, 422, "a pair of texts"),
        ("/predict", {"inputs": ""}, 400, "empty"),
        ("/predict", {"inputs": [["a"], [" "]]}, 400, "empty"),
        ("/predict", {"inputs": [["a"]] * 257}, 413, "256"),
        ("/", {"inputs": [[1]]}, 422, "a list of texts"),
        ("/", {"inputs": "a", "parameters": {"top_k": 0}}, 422, "top_k"),
        ("/", {"inputs": "a", "parameters": {"function_to_apply": "sigmoid"}}, 422, "softmax"),
        ("/embed", {"inputs": []}, 422, "a list of texts"),
        ("/embed", {"inputs": "a", "normalize": False}, 422, "normalize"),
        ("/v1/embeddings", {"input": [1, 2]}, 422, "a list of texts"),
        ("/v1/embeddings", {"input": "a", "model": "text-embedding-3-small"}, 404, "no bot"),
        ("/v1/embeddings", {"input": "a", "dimensions": 64}, 422, "dimensions"),
        ("/v1/embeddings", {"input": ["a", ""]}, 400, "empty"),
        ("/v1/embeddings", {"input": "a" * 10_001}, 413, "10000"),
    ],
)
def test_bad_requests_get_one_sentence(
    client: Any, path: str, body: dict[str, Any], status: int, word: str
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert word in answer.json()["error"]


@pytest.mark.parametrize("name", EMBED["requests"])
def test_embed_gives_vectors_of_unit_length(client: Any, name: str) -> None:
    vectors = post(client, EMBED["path"], EMBED["requests"][name])
    assert same_shape(vectors, EMBED["answers"]["all"])
    assert np.shape(vectors) == (1 if name == "a text" else 2, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", OPENAI["requests"])
def test_embeddings_answer_openais_client(client: Any, name: str) -> None:
    request = OPENAI["requests"][name]
    answer = post(client, OPENAI["path"], request)
    is_binary = request["encoding_format"] == "base64"
    assert same_shape(answer, OPENAI["answers"]["base64" if is_binary else "numbers"])
    assert [row["index"] for row in answer["data"]] == list(range(len(answer["data"])))
    embedding = answer["data"][0]["embedding"]
    if is_binary:  # as the client reads it
        embedding = np.frombuffer(base64.b64decode(embedding), dtype="float32").tolist()
    (expected,) = post(client, "/embed", {"inputs": PARCEL})
    np.testing.assert_allclose(embedding, expected, atol=1e-6)


@pytest.fixture(scope="module")
def pairs(client_of: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a bot that was fitted on pairs."""
    same = [(PARCEL, "track my order"), ("I want my money back", "refund please")]
    different = [(PARCEL, "refund please"), ("I want my money back", "track my order")]
    texts = [Example(a, text_b=b) for a, b in [*same, *different]]
    bot = FewShotClassifier("proto", "embedded:en", reject=None)
    bot.fit(texts, ["same"] * 2 + ["different"] * 2)
    folder = tmp_path_factory.mktemp("bots") / "pairs"
    bot.save(folder)
    with client_of(folder) as client:
        yield client


def test_pairs(pairs: Any) -> None:
    pair = [PARCEL, "track my order"]
    (row,) = post(pairs, "/predict", {"inputs": [pair]})
    assert row == post(pairs, "/predict", {"inputs": pair})
    assert row[0]["label"] == "same"
    question = {"text": pair[0], "text_b": pair[1]}
    answers = post(pairs, "/v1/classify", {"text": [question, question]})
    assert [answer["label"] for answer in answers] == ["same", "same"]
    assert post(pairs, "/v1/classify", {"text": question}) == answers[0]
    for path, body in [("/v1/classify", {"text": "a"}), ("/embed", {"inputs": "a"})]:
        answer = pairs.post(path, json=body)
        assert (answer.status_code, "pairs of texts" in answer.json()["error"]) == (422, True)


def test_huggingface_hub_works_unchanged(
    live_server: Callable[..., Any], saved_bots: dict[str, Path], tmp_path: Path
) -> None:
    from huggingface_hub import InferenceClient
    from huggingface_hub.errors import HfHubHTTPError

    key = add_key(tmp_path / "keys.json", "hub", "ask")
    with live_server(*saved_bots.values(), keys=tmp_path / "keys.json") as url:
        with pytest.raises(HfHubHTTPError, match="401"):
            InferenceClient(url, token="hf_wrong").text_classification(PARCEL)
        hub = InferenceClient(url, token=key)
        rows = hub.text_classification(PARCEL, top_k=2)
        assert rows[0].label == "track_order"
        assert len(rows) == 2
        (row, *_) = hub.text_classification("我的包裹在哪里", model=f"{url}/?bot=shop-zh")
        assert row.label == "查询物流"
        vectors = hub.feature_extraction([PARCEL, "money"], model=f"{url}/embed")
        assert vectors.shape == (2, 384)
