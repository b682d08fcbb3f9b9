"""What every answer has, and what the log says of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fsl_nlp.serving.errors import STATUS, RequestError
from fsl_nlp.serving.keys import add_key

from .conftest import URL
from .small_app import small_app


def client(**settings: Any) -> TestClient:
    return TestClient(small_app(**settings), URL, raise_server_exceptions=False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/nothing", 404),
        ("GET", "/v1/bots/a%2Fb/x", 404),
        ("GET", "/" + "x" * 20_000, 404),
        ("PUT", "/health", 405),
        ("TRACE", "/health", 405),
        ("OPTIONS", "/v1/echo", 405),
        ("POST", "/v1/echo", 422),
        ("GET", "/v1/fail", 500),
    ],
)
def test_every_answer_has_an_id_and_security_headers(method: str, path: str, status: int) -> None:
    answer = client().request(method, path)
    assert answer.status_code == status
    headers = answer.headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert headers["cache-control"] == "no-store"
    assert len(headers["x-request-id"]) == 16
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers
    if status != 200:
        body = answer.json()
        assert set(body) == {"error", "error_type"}
        assert STATUS[body["error_type"]] == status


def test_a_file_with_an_etag_may_be_kept_and_is_checked() -> None:
    assert client().get("/page/file.js").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("sent", "is_taken"),
    [
        ("abc-1.2_3", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("a b", False),
        ('a"b', False),
        ("é", False),
    ],
)
def test_a_harmless_request_id_is_taken(sent: str, is_taken: bool) -> None:
    answer = client().get("/health", headers={"X-Request-Id": sent.encode("latin-1")})
    assert (answer.headers["x-request-id"] == sent) is is_taken


def test_head_is_get_without_a_body() -> None:
    answer = client().head("/health")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0
    assert client().head("/v1/echo").status_code == 405


def test_the_log_has_a_line_for_each_request_without_texts_and_keys(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    key = add_key(tmp_path / "keys.json", "website", "ask")
    one = client(access_log=True, keys=tmp_path / "keys.json")
    headers = {"X-API-Key": key, "X-Request-Id": "id-1"}
    one.post("/v1/echo?text=secret", json={"text": "secret"}, headers=headers)
    one.get("/v1/bots/shop/sleep?seconds=0", headers=headers)
    one.get("/v1/bots/secret/sleep?seconds=0", headers=headers)
    one.get("/secret", headers=headers)
    one.get("/v1/plain?q=secret")
    one.head("/health")
    written = capsys.readouterr().err
    assert "secret" not in written
    assert key not in written
    rows = [json.loads(line) for line in written.splitlines()]
    names = ["method", "path", "status", "bot", "key"]
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("POST", "/v1/echo", 200, "shop", "website"),
        ("GET", "/v1/bots/{bot}/sleep", 200, "shop", "website"),
        ("GET", "/v1/bots/{bot}/sleep", 200, None, "website"),
        ("GET", None, 404, None, "website"),
        ("GET", None, 401, None, None),
        ("HEAD", "/health", 200, None, None),
    ]
    assert rows[0]["id"] == "id-1"
    assert rows[0]["bytes"] == len('{"length":6}')
    assert rows[0]["milliseconds"] >= 0
    assert rows[0]["time"].endswith("+00:00")


def test_without_access_log_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    client().get("/health")
    assert capsys.readouterr().err == ""


def test_an_unexpected_error_is_in_the_log_with_the_id(capsys: pytest.CaptureFixture[str]) -> None:
    answer = client().get("/v1/fail", headers={"X-Request-Id": "id-1"})
    assert answer.json() == {
        "error": "The server failed. Its log says why.",
        "error_type": "internal",
    }
    (line,) = lines(capsys)
    assert (line["level"], line["id"], line["error"]) == ("error", "id-1", "RuntimeError")
    assert [step["type"] for step in line["traceback"]] == ["RuntimeError", "KeyError"]
    assert "small_app.py" in line["traceback"][0]["at"][-1]
    assert "secret" not in json.dumps(line)
    client(debug=True).get("/v1/fail")
    (line,) = lines(capsys)
    assert line["traceback"][0]["message"] == "another secret text"


def test_errors_are_one_sentence_with_their_type() -> None:
    error = RequestError("not_found", "There is no label \ud800 'x'.")
    assert json.loads(error.body()) == error.to_dict()
    assert "是".encode() in RequestError("not_found", "是").body()


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "word"),
    [
        (b'{"text": "\\ud800"}', JSON, 422, "half of a character"),
        (b'{"text": "a", "\\udc00": 1}', JSON, 422, "half of a character"),
        (b'{"text": "\\ud83d\\ude00"}', JSON, 200, ""),  # the two halves of a smiley
        (b'{"text": "a", "more": 1}', JSON, 422, "more"),
        (b'{"text": "a\\u0000b"}', JSON, 200, ""),
        (b'{"text": NaN}', JSON, 422, "text"),
        (b'{"text": 1e999}', JSON, 422, "text"),
        (b'{"text": ' + b"1" * 5000 + b"}", JSON, 422, "JSON"),
        (b'{"text": "a", "text": "bc"}', JSON, 200, ""),
        (b"[" * 100_000, JSON, 422, "nested too deep"),
        (b'{"a":' * 100_000, JSON, 422, "nested too deep"),
        (b"", JSON, 422, "required"),
        (b"{", JSON, 422, "The body is not JSON"),
        (b"null", JSON, 422, "JSON object"),
        (b'"text"', JSON, 422, "JSON object"),
        (b"\xff\xfe\x00", JSON, 422, "JSON"),
        ('{"text": "你好"}'.encode("gbk"), JSON, 422, "JSON"),
        ('{"text": "你好"}'.encode("utf-16"), JSON, 200, ""),  # JSON's older encoding
        (b'{"text": "a"}', {"Content-Type": "text/plain"}, 422, "application/json"),
        (b'{"text": "a"}', {"Content-Type": "multipart/form-data"}, 422, "application/json"),
        (b'{"text": "a"}', {"Content-Type": ""}, 422, "application/json"),
        (b'{"text": "a"}', {"Content-Type": "application/json; charset=x"}, 200, ""),
    ],
)
def test_malformed_bodies_get_a_sentence(
    body: bytes, headers: dict[str, str], status: int, word: str
) -> None:
    answer = client().post("/v1/echo", content=body, headers=headers)
    assert answer.status_code == status
    if word:
        assert answer.json()["error_type"] == "validation"
        assert word in answer.json()["error"]
        assert len(answer.json()["error"]) < 500


def test_bodies_have_a_limit_and_uploads_a_larger_one() -> None:
    one = client(body=1000, upload=5000)
    large = {"text": "x" * 1000}
    for headers in ({}, {"Content-Length": "99999999999999999999999"}):
        answer = one.post("/v1/echo", json=large, headers=headers)
        assert (answer.status_code, answer.json()["error_type"]) == (413, "too_large")
        assert "1,000 bytes" in answer.json()["error"]
    assert one.post("/v1/echo", json={"text": "x" * 900}).status_code == 200
    file = {"X-File-Name": "data.csv"}
    assert one.post("/v1/train", content=b"x" * 4000, headers=file).json() == {"bytes": 4000}
    assert one.post("/v1/train", content=b"x" * 6000, headers=file).status_code == 413

    def parts() -> Any:  # without a length
        for _ in range(100):
            yield b"x" * 100

    assert one.post("/v1/train", content=parts(), headers=file).status_code == 413
    assert one.post("/v1/echo", content=parts(), headers=JSON).status_code == 413


def test_a_question_ends_in_time_and_work_may_take_longer() -> None:
    one = client(timeout=0.2, work_timeout=5)
    answer = one.get("/v1/bots/shop/sleep?seconds=5")
    assert (answer.status_code, answer.json()["error_type"]) == (503, "timeout")
    assert one.post("/v1/work?seconds=0.4").json() == "done"


def test_the_bodies_of_all_requests_have_a_limit_together() -> None:
    one = client(body=1000, bodies=500)
    answer = one.post("/v1/echo", json={"text": "x" * 600})
    assert (answer.status_code, answer.json()["error_type"]) == (429, "overloaded")
    for _ in range(3):  # what is answered takes no room
        assert one.post("/v1/echo", json={"text": "x" * 400}).status_code == 200
    file = {"X-File-Name": "data.csv"}
    assert one.post("/v1/train", content=b"x" * 4000, headers=file).json() == {"bytes": 4000}
