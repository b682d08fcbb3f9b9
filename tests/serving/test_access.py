"""Roles, and when keys are needed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.serving.access import WrongKeys, check_settings, is_loopback, require
from fsl_nlp.serving.keys import add_key, remove_key
from fsl_nlp.serving.settings import ServerSettings

QUESTION = {"text": "where is my parcel"}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    return file, {
        role: add_key(file, f"the {role} key", role) for role in ("ask", "teach", "admin")
    }


@pytest.fixture(scope="module")
def keyed(
    client_of: Callable[..., Any], saved_bots: dict[str, Path], key_file: tuple[Path, Any]
) -> Iterator[Any]:
    """A client of a server with keys and a route for each role."""
    from fastapi import Depends

    with client_of(saved_bots["shop"], keys=key_file[0]) as client:
        for role in ("ask", "teach", "admin"):

            @client.app.get(f"/v1/{role}", dependencies=[Depends(require(role))])
            async def answer() -> str:
                return "yes"

        yield client


@pytest.mark.parametrize("has", ["ask", "teach", "admin"])
@pytest.mark.parametrize("needs", ["ask", "teach", "admin"])
def test_a_role_may_do_what_lower_ones_may(
    keyed: Any, key_file: tuple[Path, dict[str, str]], has: str, needs: str
) -> None:
    answer = keyed.get(f"/v1/{needs}", headers={"X-API-Key": key_file[1][has]})
    order = ["ask", "teach", "admin"]
    if order.index(has) >= order.index(needs):
        assert (answer.status_code, answer.json()) == (200, "yes")
    else:
        assert answer.status_code == 403
        assert answer.json()["error_type"] == "forbidden"
        assert f"the role {needs}; yours has {has}" in answer.json()["error"]


def test_a_key_may_come_in_either_header(keyed: Any, key_file: tuple[Path, dict[str, str]]) -> None:
    key = key_file[1]["ask"]
    for headers in ({"Authorization": f"Bearer {key}"}, {"authorization": f"bearer  {key}"}):
        assert keyed.post("/v1/classify", json=QUESTION, headers=headers).status_code == 200
    # Basic authentication may be that of a proxy in front.
    both = {"Authorization": "Basic dTpw", "X-API-Key": key}
    assert keyed.post("/v1/classify", json=QUESTION, headers=both).status_code == 200


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({}, "Send a key"),
        ({"Authorization": "Basic dTpw"}, "Send a key"),
        ({"Authorization": "Bearer"}, "Send a key"),
        ({"Authorization": "Bearer fsl_x"}, "wrong"),
        ({"X-API-Key": "é".encode("latin-1")}, "wrong"),
    ],
)
def test_without_a_right_key_there_is_401(keyed: Any, headers: dict[str, Any], word: str) -> None:
    answer = keyed.post("/v1/classify", json=QUESTION, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert answer.json()["error_type"] == "unauthorized"
    assert word in answer.json()["error"]


def test_what_is_open_needs_no_key(keyed: Any) -> None:
    for path in ("/health", "/ready", "/info"):
        assert keyed.get(path).status_code == 200


def test_without_keys_everything_is_allowed(client: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer anything"}):  # OpenAI's clients always send one
        assert client.post("/v1/classify", json=QUESTION, headers=headers).status_code == 200


def test_too_many_wrong_keys_are_told_to_wait_and_right_ones_pass(
    client_of: Callable[..., Any], saved_bots: dict[str, Path], tmp_path: Path
) -> None:
    key = add_key(tmp_path / "keys.json", "website", "ask")
    with client_of(saved_bots["shop"], keys=tmp_path / "keys.json") as client:
        answers = [
            client.post("/v1/classify", json=QUESTION, headers={"X-API-Key": f"fsl_{i}"})
            for i in range(12)
        ]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        right = client.post("/v1/classify", json=QUESTION, headers={"X-API-Key": key})
        assert right.status_code == 200


def test_a_server_whose_key_file_is_gone_lets_nobody_in(
    client_of: Callable[..., Any], saved_bots: dict[str, Path], tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    key = add_key(file, "website", "ask")
    with client_of(saved_bots["shop"], keys=file) as client:
        file.unlink()
        time.sleep(0.3)
        answer = client.post("/v1/classify", json=QUESTION, headers={"X-API-Key": key})
        assert (answer.status_code, answer.json()["error_type"]) == (503, "unavailable")
        assert str(file) not in answer.text


def test_wrong_keys_are_counted_by_network_and_in_bounds() -> None:
    now = 0.0
    wrong = WrongKeys(most=2, seconds=60, addresses=3, clock=lambda: now)
    assert [wrong.add(f"2001:db8::{i}") > 0 for i in range(3)] == [False, False, True]
    assert not wrong.add("2001:db8:0:1::1")
    assert [wrong.add(f"::ffff:192.0.2.{i}") for i in range(3)] == [0, 0, 0]
    assert [wrong.add("2001:db8::") for i in range(2)] == [0, 0]  # the oldest was forgotten
    assert wrong.add("2001:db8::") == 60
    now = 59.0
    assert wrong.add("a") == wrong.add("a") == 0
    assert wrong.add("a") == 60
    now = 120.0
    assert wrong.add("a") == 0


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("LocalHost", True),
        ("unix:/run/x.sock", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.1.5", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
    ],
)
def test_loopback_addresses(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_other_addresses_need_keys_or_open(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    bots = (tmp_path,)
    with pytest.raises(OptionError, match=r"keys add .* --open"):
        check_settings(ServerSettings(bots, host="0.0.0.0"))
    check_settings(ServerSettings(bots, host="0.0.0.0", open=True))
    with pytest.raises(DataError, match="cannot be read"):
        check_settings(ServerSettings(bots, host="0.0.0.0", keys=file))
    add_key(file, "website", "ask")
    check_settings(ServerSettings(bots, host="0.0.0.0", keys=file))
    with pytest.raises(OptionError, match="not both"):
        check_settings(ServerSettings(bots, keys=file, open=True))
    remove_key(file, "website")
    with pytest.raises(DataError, match="has no keys"):
        check_settings(ServerSettings(bots, keys=file))


def test_the_command_refuses_before_it_loads_anything(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    result = run("serve", tmp_path / "missing", "--host", "0.0.0.0")
    assert result.status == 1
    assert "--open" in result.err


def test_the_log_names_the_bot_and_the_key(
    client_of: Callable[..., Any],
    saved_bots: dict[str, Path],
    key_file: tuple[Path, dict[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with client_of(saved_bots["shop"], keys=key_file[0], access_log=True) as client:
        client.post("/v1/classify", json=QUESTION, headers={"X-API-Key": key_file[1]["ask"]})
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["bot"], line["key"]) == ("shop", "the ask key")
