"""Errors of the HTTP interface: one sentence, a type, a status."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from fsl_nlp.errors import DataError, FslError, OptionError
from fsl_nlp.output import one_line

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

# The status of each type of error.
STATUS = {
    "bad_request": 400,
    "empty": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "slow_body": 408,
    "conflict": 409,
    "too_large": 413,
    "validation": 422,
    "overloaded": 429,
    "large_head": 431,
    "internal": 500,
    "timeout": 503,
    "unavailable": 503,
    "storage": 507,
}
_TYPES = {status: name for name, status in reversed(STATUS.items())}
_LONGEST = 500  # characters of a message


class RequestError(HTTPException):
    """A request that gets an error instead of an answer.

    It is one of the framework's exceptions, so that it may be raised while a body is read, too.

    >>> RequestError("not_found", "There is no bot 'x'.").status
    404
    """

    def __init__(
        self, error_type: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(STATUS[error_type], message, dict(headers or {}))
        self.error_type = error_type

    def __str__(self) -> str:
        return self.detail

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.status_code

    def to_dict(self) -> dict[str, str]:
        """The body of the answer."""
        return {"error": self.detail, "error_type": self.error_type}

    def body(self) -> bytes:
        """The body of the answer as JSON. A lone surrogate of a user's name becomes its escape."""
        return json.dumps(self.to_dict(), ensure_ascii=False).encode("utf-8", "backslashreplace")


INTERNAL = RequestError("internal", "The server failed. Its log says why.")


_NO_OBJECT = ("model_attributes_type", "model_type")


def add_handlers(app: FastAPI) -> None:
    """Let an application answer every error as {"error", "error_type"}."""
    from fastapi.exceptions import RequestValidationError

    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(FslError, _of_toolkit)


def as_answer(error: RequestError) -> Response:
    """The answer for an error."""
    from starlette.responses import Response

    return Response(error.body(), error.status, error.headers, "application/json")


async def _invalid(_: Request, error: Exception) -> Response:
    """A body or a parameter of the wrong form: the first thing that is wrong with it."""
    errors: list[dict[str, Any]] = getattr(error, "errors", list)()
    return as_answer(RequestError("validation", _sentence(errors)))


def _sentence(errors: Iterable[Mapping[str, Any]]) -> str:
    """What is wrong, and where; never the value itself, which may be anything.

    >>> _sentence([{"type": "missing", "loc": ("body", "text"), "msg": "Field required"}])
    'text: Field required.'
    """
    for first in errors:
        if first["type"] == "json_invalid":
            return one_line(f"The body is not JSON in UTF-8: {first['ctx']['error']}.")
        if first["type"] in _NO_OBJECT and not set(first["loc"]) - {"body"}:
            return "The body must be a JSON object, sent with Content-Type: application/json."
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        message = first["msg"].removeprefix("Value error, ").rstrip(".") + "."
        return one_line(f"{place}: {message}" if place else message)[:_LONGEST]
    return "The request is not valid."


async def _of_framework(_: Request, error: Exception) -> Response:
    """A RequestError, or an error of the framework: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    if isinstance(error, RequestError):
        return as_answer(error)
    if error.status_code == 400:  # the framework's word for a body that it cannot parse
        return as_answer(
            RequestError("validation", "The body is not JSON in UTF-8, or is nested too deep.")
        )
    name = _TYPES.get(error.status_code, "validation")
    message = {
        "not_found": "There is nothing at this path. /docs lists what there is.",
        "method_not_allowed": "This path does not take this method. /docs lists what it takes.",
    }.get(name, f"{error.detail}.")
    return as_answer(RequestError(name, message, error.headers))


async def _of_toolkit(_: Request, error: Exception) -> Response:
    name = "validation" if isinstance(error, (DataError, OptionError)) else "unavailable"
    return as_answer(RequestError(name, one_line(error)))
