"""Hostile requests to every endpoint, made from the description of the interface."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest

pytest.importorskip("schemathesis", reason="schemathesis needs Python 3.11")
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from fsl_nlp.serving.app import create_app
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
