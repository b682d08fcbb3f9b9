"""API keys: the file, the command."""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.serving.keys import KeyFile, add_key, read_keys, remove_key

posix = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_found_by_its_text_alone(file: Path) -> None:
    ask, teach = add_key(file, "website", "ask"), add_key(file, "小王", "teach")
    keys = KeyFile(file)
    for text, name, role in ((ask, "website", "ask"), (teach, "小王", "teach")):
        key = keys.verify(text)
        assert key
        assert (key.name, key.role) == (name, role)
    wrong = [
        "",
        "fsl_",
        ask[:-1],
        ask + "A",
        ask[:-1] + ("A" if ask[-1] != "A" else "B"),
        ask[:21] + teach[21:],  # the id of one key, the secret of another
        "fsl_" + "0" * 16 + ask[20:],  # an id that is not there
        ask.upper(),
        "é" * 64,
        "\udc80" * 64,
    ]
    assert [keys.verify(text) for text in wrong] == [None] * len(wrong)


def test_the_file_holds_no_key(file: Path) -> None:
    text = add_key(file, "website", "ask")
    secret = text[21:]
    assert len(secret) == 43  # 32 bytes in base64
    content = file.read_text("utf-8")
    assert secret not in content
    assert text not in content
    again = add_key(file, "website 2", "ask")
    assert again[21:] != secret


@posix
def test_the_file_is_private(file: Path) -> None:
    add_key(file, "website", "ask")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize(("mode", "is_fine"), [(0o640, True), (0o604, False), (0o620, False)])
def test_a_file_that_others_may_read_is_refused(file: Path, mode: int, is_fine: bool) -> None:
    add_key(file, "website", "ask")
    file.chmod(mode)
    if is_fine:
        assert read_keys(file)
    else:
        with pytest.raises(DataError, match="chmod 600"):
            read_keys(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"format": 2, "keys": []}',
        b'{"format": 1, "keys": [{}]}',
        b'{"format": 1, "keys": [1]}',
        b'{"format": 1, "keys": 1}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_key_file_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(DataError, match="is not a key file"):
        read_keys(file)


def _entry(**changes: Any) -> dict[str, Any]:
    entry = {"id": "0" * 16, "name": "a", "role": "ask", "created": "", "hash": "0" * 64}
    return entry | changes


@pytest.mark.parametrize(
    "changes", [{"role": "root"}, {"id": "0"}, {"hash": "x"}, {"hash": 1}, {"name": ""}, {"x": 1}]
)
def test_bad_entries_are_refused(file: Path, changes: dict[str, Any]) -> None:
    file.write_text(json.dumps({"format": 1, "keys": [_entry(**changes)]}))
    file.chmod(0o600)
    with pytest.raises(DataError, match="is not a key file"):
        read_keys(file)


def test_a_removed_key_stops_working_within_a_second(file: Path) -> None:
    text = add_key(file, "website", "ask")
    add_key(file, "phone", "ask")
    keys = KeyFile(file)
    assert keys.verify(text)
    remove_key(file, "website")
    end = time.monotonic() + 1
    while keys.verify(text) and time.monotonic() < end:
        time.sleep(0.02)
    assert keys.verify(text) is None
    text = add_key(file, "website", "teach")
    time.sleep(0.3)
    assert keys.verify(text)


@posix
def test_a_file_that_goes_bad_lets_nobody_in_until_it_is_mended(file: Path) -> None:
    text = add_key(file, "website", "ask")
    keys = KeyFile(file)
    assert keys.verify(text)
    file.chmod(0o644)
    time.sleep(0.3)
    for _ in range(3):
        with pytest.raises(DataError, match="chmod"):
            keys.verify(text)
    file.chmod(0o600)
    assert keys.verify(text)
    file.rename(file.with_suffix(".old"))
    time.sleep(0.3)
    for _ in range(2):
        with pytest.raises(DataError, match="cannot be read"):
            keys.verify(text)


def test_keys_that_are_added_together_are_all_there(file: Path) -> None:
    names = [f"key {i}" for i in range(12)]
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda name: add_key(file, name, "ask"), names))
    keys = KeyFile(file)
    assert [key.name for text in texts if (key := keys.verify(text))] == names


@pytest.mark.parametrize("name", ["", " a", "a" * 101, "a\nb", "a\x1b[31m"])
def test_names_are_short_and_in_one_line(file: Path, name: str) -> None:
    with pytest.raises(OptionError, match="1 to 100 characters"):
        add_key(file, name, "ask")
    assert not file.exists()


def test_the_command(run: Callable[..., Any], file: Path) -> None:
    added = run("keys", "add", file, "website", "--role", "teach", "--json").json
    assert (added["name"], added["role"]) == ("website", "teach")
    key = KeyFile(file).verify(added["key"])
    assert key
    assert key.role == "teach"
    plain = run("keys", "add", file, "phone")
    assert re.fullmatch(r"fsl_\S{60}\n", plain.out)
    assert "not shown again" in plain.err
    listed = run("keys", "list", file)
    assert "website" in listed.out
    assert plain.out.strip() not in listed.out
    assert [row["role"] for row in run("keys", "list", file, "--json").json["keys"]] == [
        "teach",
        "ask",
    ]
    assert run("keys", "remove", file, "website").status == 0
    assert [row["name"] for row in run("keys", "list", file, "--json").json["keys"]] == ["phone"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "FILE"), "takes a file and a name"),
        (("list", "FILE", "x"), "takes a file alone"),
        (("list", "FILE"), "cannot be read"),
        (("remove", "FILE", "x"), "There is no key file"),
        (("rotate", "FILE", "x"), "Actions: add, list, remove"),
        (("add", "FILE", "x", "--role", "root"), "Roles: ask, teach, admin"),
        (("remove", "FILE", "x", "--role", "ask"), "--role is for add"),
        (("add", "missing/FILE", "x"), "There is no folder"),
    ],
)
def test_wrong_commands_say_what_is_right(
    run: Callable[..., Any], file: Path, words: tuple[str, ...], message: str
) -> None:
    arguments = [word.replace("FILE", "keys.json") for word in words]
    arguments[1] = str(file.parent / arguments[1])
    result = run("keys", *arguments)
    assert result.status == 1
    assert message in result.err


def test_a_name_is_used_once_and_a_mistyped_one_gets_a_suggestion(file: Path) -> None:
    add_key(file, "website", "ask")
    with pytest.raises(OptionError, match="has a key 'website' already"):
        add_key(file, "website", "teach")
    with pytest.raises(OptionError, match="Did you mean website"):
        remove_key(file, "websit")
