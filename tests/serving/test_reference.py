"""The description of the interface, and its page at /docs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.serving.calls import Call
from fsl_nlp.serving.errors import STATUS
from fsl_nlp.serving.guard import OPEN_PATHS
from fsl_nlp.serving.keys import add_key
from fsl_nlp.serving.openapi import ERRORS, operations
from fsl_nlp.serving.schema_words import Schemas, describe

# Endpoints whose example needs something that is not there.
NEEDS_MORE = {
    "post /v1/feedback": "the id of an answer",
    "post /v1/bots/{bot}/adapt": "a bot that was meta-learned",
    "post /v1/train": "a file",
    "get /v1/jobs/{job}": "a job",
    "delete /v1/jobs/{job}": "a job",
    "delete /v1/bots/{bot}/examples": "a sentence that the example of examples/remove leaves",
}


@pytest.fixture(scope="module")
def document(client: Any) -> dict[str, Any]:
    return client.get("/openapi.json").json()


def test_every_endpoint_says_its_role_and_its_errors(document: dict[str, Any]) -> None:
    names = set()
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        role = operation["x-role"]
        assert (role is None) == (path in OPEN_PATHS and method == "get"), where
        assert operation["summary"], where
        assert operation["operationId"] not in names, where
        names.add(operation["operationId"])
        assert len(operation["tags"]) == 1, where
        codes = set(operation["responses"])
        assert any(code.startswith("2") for code in codes), where
        assert {"403", "500", "503"} <= codes, where
        assert not role or {"401", "404", "422", "429"} <= codes, where
        assert method == "get" or {"408", "413", "422"} <= codes, where
        if role:
            assert {"bearer": [role]} in operation["security"]


def test_every_answer_has_a_shape(document: dict[str, Any]) -> None:
    schemas = Schemas(document)
    for path, method, operation in operations(document):
        for code, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                shape = schemas.resolve(content["schema"])
                is_open = shape.get("additionalProperties") is True or not shape.keys() - {"title"}
                assert kind != "application/json" or not is_open, f"{method} {path} {code}"


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        target: Any = document
        for part in reference.split("/"):
            target = target[part]
        assert target


def test_the_errors_are_those_of_the_server(document: dict[str, Any]) -> None:
    own = {"405", "431"}  # of no endpoint
    assert {str(status) for status in STATUS.values()} - own == set(ERRORS)


@pytest.mark.slow
def test_every_example_works(
    client_of: Callable[..., Any],
    saved_bots: dict[str, Path],
    document: dict[str, Any],
    tmp_path: Path,
) -> None:
    """Those that change the bot last: the first of them makes a version to look at."""
    schemas = Schemas(document)
    copy = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    changes = []
    with client_of(copy, log=f"sqlite:///{tmp_path}/log.db") as client:

        def works(path: str, method: str, operation: Any) -> None:
            call = Call.of(path, method, operation, schemas, "shop")
            answer = client.request(call.method, call.path, json=call.body)
            assert answer.is_success, f"{method} {path}: {answer.text}"

        for path, method, operation in operations(document):
            if f"{method} {path}" in NEEDS_MORE:
                continue
            if operation["x-role"] == "teach" and (method != "get" or path.endswith("/diff")):
                changes.append((path, method, operation))
            else:
                works(path, method, operation)
        for change in sorted(
            changes, key=lambda change: ORDER.index(change[0].rpartition("}/")[2])
        ):
            works(*change)


# An order in which each edit is possible.
ORDER = [
    "inbox/dismiss",
    "examples",
    "diff",
    "relabel",
    "examples/remove",
    "labels",
    "labels/remove",
]
ORDER += ["labels/merge", "undo", "labels/rename"]


def test_the_example_of_an_upload_names_a_new_bot(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/train"]["post"]
    call = Call.of("/v1/train", "post", operation, Schemas(document), "shop")
    assert call.curl("http://a", has_key=False) == (
        "curl 'http://a/v1/train?bot=new-bot' \\\n"
        "  -H 'X-File-Name: train.csv' \\\n"
        "  --data-binary @train.csv"
    )


def test_calls_as_people_write_them() -> None:
    call = Call("POST", "/v1/x", {"text": "it's", "why": True})
    assert call.curl("http://a", has_key=True) == (
        "curl http://a/v1/x \\\n"
        '  -H "X-API-Key: $KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"text": "it'"'"'s", "why": true}'"""
    )
    compile(call.python("http://a", has_key=True), "call", "exec")
    assert '{"text": "it\'s", "why": True}' in call.python("http://a", has_key=False)
    upload = Call("POST", "/v1/train?bot=new", is_upload=True)
    assert "--data-binary @train.csv" in upload.curl("http://a", has_key=False)
    assert 'open("train.csv", "rb")' in upload.python("http://a", has_key=False)
    assert Call("DELETE", "/v1/x").curl("http://a", has_key=False) == "curl -X DELETE http://a/v1/x"


class Page(HTMLParser):
    """What the page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.add(tag)
        for name, value in attributes:
            assert not name.startswith("on"), "no scripts"
            assert name != "style", "the security policy forbids it"
            if name == "id":
                self.ids.append(value)
            if name == "href":
                self.links.append(value)
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(client: Any, document: dict[str, Any]) -> None:
    answer = client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    page = Page(answer.text)
    assert page.open == []
    assert not {"script", "style", "iframe", "img"} & page.tags
    assert len(page.ids) == len(set(page.ids))
    targets = [link[1:] for link in page.links if link.startswith("#")]
    assert set(targets) <= set(page.ids)
    assert all("//" not in link for link in page.links)
    for link in page.links:
        if not link.startswith("#"):
            assert client.get(f"/{link.removeprefix('./')}").status_code == 200
    for path, method, _ in operations(document):
        assert f"<b>{method.upper()}</b> {path}</code>" in answer.text
    assert "where is my parcel" in answer.text
    assert "错误" in answer.text


def test_a_browser_keeps_the_page(client: Any) -> None:
    for path in ("/docs", "/openapi.json"):
        answer = client.get(path)
        assert answer.headers["cache-control"] == "no-cache"
        again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_the_page_says_whether_keys_are_needed(
    client: Any, client_of: Callable[..., Any], saved_bots: dict[str, Path], tmp_path: Path
) -> None:
    assert "This server needs no key" in client.get("/docs").text
    add_key(tmp_path / "keys.json", "website", "ask")
    with client_of(saved_bots["shop-zh"], keys=tmp_path / "keys.json") as keyed:
        text = keyed.get("/docs", headers={"Host": "<b>.example.org"}).text
        assert "This server needs a key" in text
        assert "X-API-Key: $KEY" in text
        assert "<b>.example.org" not in text
        assert "shop-zh" in text


def test_types_and_limits_in_words() -> None:
    schemas = Schemas({"components": {"schemas": {"A": {"title": "A", "properties": {}}}}})
    words = schemas.type({"anyOf": [{"$ref": "#/x/A"}, {"enum": ["a", 1]}, {"type": "null"}]})
    assert words == 'A or "a" or 1 or null'
    assert describe({"maxItems": 3}) == "At most 3 items."
    assert describe({}) == ""
    loop = {"components": {"schemas": {"A": {"properties": {"a": {"$ref": "#/x/A"}}}}}}
    deep = Schemas(loop)
    assert len(list(deep.fields(deep.resolve({"$ref": "#/x/A"})))) == 3
