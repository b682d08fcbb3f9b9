"""Hostile requests to every endpoint, made from the description of the interface."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest

pytest.importorskip("schemathesis", reason="schemathesis needs Python 3.11")
import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from fsl_nlp.serving.app import create_app
from fsl_nlp.serving.calls import Call
from fsl_nlp.serving.openapi import operations
from fsl_nlp.serving.schema_words import Schemas
from fsl_nlp.serving.settings import ServerSettings

from .small_app import serving

load_all_checks()
CHOSEN = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
)


@pytest.fixture(scope="module")
def described(
    saved_bots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """The schema of a running server, whose bot may be changed."""
    folder = tmp_path_factory.mktemp("hostile")
    copy = shutil.copytree(saved_bots["shop"], folder / "shop")
    app = create_app(ServerSettings((copy,), log=f"sqlite:///{folder}/log.db"))
    with serving(app) as port:
        schema = schemathesis.openapi.from_dict(app.openapi())
        schema.config.update(base_url=f"http://127.0.0.1:{port}")
        yield schema


@pytest.fixture(scope="module")
def asker(described: Any) -> Iterator[httpx.Client]:
    """A client of the server, whose every answer is looked at."""

    def check(answer: httpx.Response) -> None:
        answer.read()
        where = f"{answer.request.method} {str(answer.url)[:90]}: {answer.text}"
        assert answer.status_code not in (500, 503), where
        assert answer.is_success or set(answer.json()) == {"error", "error_type"}, where

    hooks = {"response": [check]}
    with httpx.Client(base_url=described.config.base_url, timeout=30, event_hooks=hooks) as client:
        yield client


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("examples", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_no_request_breaks_the_interface(
    described: Any, mode: GenerationMode, examples: int
) -> None:
    """Bodies and parameters by the schemas, and against them, to every endpoint."""
    for result in described.get_all_operations():
        operation = result.ok()
        try:
            _try_operation(operation, mode, examples)
        except Exception as error:
            error.add_note(f"{operation.label}, {mode}")
            raise


def _try_operation(operation: Any, mode: GenerationMode, examples: int) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case: Any) -> None:
        case.call_and_validate(checks=CHECKS.get_by_names(CHOSEN))

    with suppress(Unsatisfiable, SkipTest):  # nothing can be wrong with an endpoint without fields
        attempt()


BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"[1]",
    "null": b"null",
    "NaN": b'{"text": NaN, "confidence": Infinity}',
    "a large number": b'{"top_k": 1' + b"0" * 400 + b', "steps": 1e400}',
    "a number that Python does not read": b'{"top_k": ' + b"9" * 5000 + b"}",
    "deep lists": b"[" * 50_000,
    "deep objects": b'{"text":' * 50_000,
    "no UTF-8": b'{"text": "\xff\xfe"}',
    "twice the same key": b'{"text": "a", "text": ["b"]}',
    "many keys": b"{" + b",".join(b'"k%d": 1' % i for i in range(20_000)) + b"}",
}


def test_malformed_bodies_never_fail_the_server(described: Any, asker: httpx.Client) -> None:
    for path, method, operation in operations(described.raw_schema):
        if "requestBody" in operation:
            for body in BODIES.values():
                for kind in ("application/json", "text/plain", ""):
                    headers = {"Content-Type": kind} if kind else {}
                    place = path.replace("{bot}", "shop")
                    asker.request(method.upper(), place, content=body, headers=headers)


def test_strings_of_any_characters_never_fail_the_server(
    described: Any, asker: httpx.Client
) -> None:
    for call in _calls(described, "shop"):
        for text in ("a\ud800", "\0", "\u202e\u0007", "\U0010ffff", "x" * 20_000):
            if call.body is not None:
                body = json.dumps(_with_strings(call.body, text)).encode()
                headers = {"Content-Type": "application/json"}
                asker.request(call.method, call.path, content=body, headers=headers)


@pytest.mark.parametrize(
    "name",
    ["a%2Fb", "%00", "%ff%fe", "..%2f..%2fetc", "%F0%9F%98%80", "x" * 9000, "a%20b", "%25"],
)
def test_strange_names_in_paths_are_not_found(
    described: Any, asker: httpx.Client, name: str
) -> None:
    for call in _calls(described, "BOT"):
        if "/BOT" in call.path:
            place = call.path.replace("/BOT", f"/{name}")
            assert 400 <= asker.request(call.method, place, json=call.body).status_code < 500


def _calls(described: Any, bot: str) -> Iterator[Call]:
    """A call of each endpoint."""
    document = described.raw_schema
    for path, method, operation in operations(document):
        yield Call.of(path, method, operation, Schemas(document), bot)


def _with_strings(value: Any, text: str) -> Any:
    """The value with another text in place of each."""
    if isinstance(value, dict):
        return {key: _with_strings(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_strings(item, text) for item in value]
    return text if isinstance(value, str) else value
