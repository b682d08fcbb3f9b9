"""What web pages of others may not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fsl_nlp.errors import OptionError
from fsl_nlp.serving.browsers import check_origin
from fsl_nlp.serving.keys import add_key

from .conftest import URL
from .small_app import small_app

TEXT = {"text": "hello"}


def client(**settings: Any) -> TestClient:
    return TestClient(small_app(**settings), URL, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:8000", 200),
        ("127.1.2.3", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil@localhost", 403),
        ("192.0.2.1", 403),
        ("0.0.0.0", 403),
        ("[::]", 403),
        ("local host", 403),
    ],
)
def test_a_server_without_keys_answers_for_names_of_this_machine(host: str, status: int) -> None:
    for path in ("/health", "/v1/plain"):
        answer = client().get(path, headers={"Host": host})
        assert answer.status_code == status
    if status == 403:
        assert "--allow-host" in answer.json()["error"]


def test_other_names_are_allowed_by_name(tmp_path: Path) -> None:
    assert (
        client(allow_hosts=("Bot.local",))
        .get("/health", headers={"Host": "bot.local:80"})
        .is_success
    )
    opened = client(open=True)
    assert opened.get("/health", headers={"Host": "any.example"}).is_success
    named = client(open=True, allow_hosts=("bot.local",))
    assert named.get("/health", headers={"Host": "192.0.2.1"}).is_success  # probes use addresses
    assert named.get("/health", headers={"Host": "any.example"}).status_code == 403
    add_key(tmp_path / "keys.json", "website", "ask")
    keyed = client(keys=tmp_path / "keys.json")
    assert keyed.get("/health", headers={"Host": "any.example"}).is_success


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": URL}, 200),
        ({"Origin": "https://127.0.0.1:8000"}, 200),  # behind a proxy that speaks TLS
        ({"Origin": URL, "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9000"}, 403),  # another server on this machine
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": URL, "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_pages_of_other_sites_may_not_post(headers: dict[str, str], status: int) -> None:
    assert client().post("/v1/echo", json=TEXT, headers=headers).status_code == status
    assert client().post("/v1/work?seconds=0", headers=headers).status_code == status
    assert client().get("/v1/plain", headers=headers).status_code == status
    assert client().get("/health", headers=headers).status_code == 200  # as a link may lead there


def test_a_form_of_another_site_is_refused_even_without_origin() -> None:
    one = client()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = one.post("/v1/train", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 422
    for headers in ({"Content-Type": "application/vnd.x+json"}, {"X-File-Name": "a.csv"}):
        assert one.post("/v1/train", content=b"{}", headers=headers).is_success


def test_the_default_port_is_not_in_an_origin() -> None:
    headers = {"Host": "localhost:80", "Origin": "http://localhost"}
    assert client().post("/v1/echo", json=TEXT, headers=headers).is_success


PREFLIGHT = {
    "Origin": "https://shop.example.org",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type, x-api-key",
}


def test_other_sites_are_allowed_by_name_only(tmp_path: Path) -> None:
    one = client(allow_origins=("https://shop.example.org/", "http://localhost:3000"))
    for origin in ("https://shop.example.org", "http://localhost:3000"):
        preflight = one.options("/v1/echo", headers={**PREFLIGHT, "Origin": origin})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        assert "x-request-id" in preflight.headers
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        answer = one.post("/v1/echo", json=TEXT, headers=headers)
        assert answer.is_success
        assert answer.headers["access-control-allow-origin"] == origin
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
        refused = one.post("/v1/echo", content=b"{", headers=headers)
        assert refused.headers["access-control-allow-origin"] == origin
    other = {**PREFLIGHT, "Origin": "https://shop.example.org.evil.example"}
    assert "access-control-allow-origin" not in one.options("/v1/echo", headers=other).headers
    assert one.post("/v1/echo", json=TEXT, headers={"Origin": other["Origin"]}).status_code == 403
    # With keys, too: the errors of the guard can be read by the page.
    add_key(tmp_path / "keys.json", "website", "ask")
    keyed = client(allow_origins=("https://shop.example.org",), keys=tmp_path / "keys.json")
    assert keyed.options("/v1/echo", headers=PREFLIGHT).status_code == 200
    unauthorized = keyed.post("/v1/echo", json=TEXT, headers={"Origin": PREFLIGHT["Origin"]})
    assert unauthorized.status_code == 401
    assert unauthorized.headers["access-control-allow-origin"] == PREFLIGHT["Origin"]


def test_without_allow_origin_a_preflight_is_refused() -> None:
    answer = client().options("/v1/echo", headers=PREFLIGHT)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["*", "https://*.example.org", "shop.example.org", "https://a/b", "ftp://a", "https://"],
)
def test_an_origin_is_one_site(origin: str) -> None:
    with pytest.raises(OptionError, match="is no site"):
        check_origin(origin)
