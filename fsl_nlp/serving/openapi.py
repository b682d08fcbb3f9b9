"""The description of the HTTP interface in OpenAPI: roles, errors, names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from fsl_nlp.serving.body import SCHEMAS
from fsl_nlp.serving.errors import STATUS
from fsl_nlp.serving.keys import ROLES

if TYPE_CHECKING:
    from fastapi import FastAPI

_SUMMARY = "Bots that label texts, or say that they do not know."
# Each answer of an error: its name, when it comes, the header that it has.
ERRORS: dict[str, tuple[str, str, str | None]] = {
    "400": ("BadRequest", "A text is empty where none may be, or this is not HTTP.", None),
    "401": (
        "Unauthorized",
        "A key is needed, and this request has none or a wrong one.",
        "WWW-Authenticate",
    ),
    "403": ("Forbidden", "The key has a lower role, or a page of another site sent this.", None),
    "404": ("NotFound", "There is no such bot, label or path.", None),
    "408": ("SlowBody", "The body came too slowly.", None),
    "409": ("Conflict", "The bot is at another version, or cannot be changed so.", None),
    "413": ("TooLarge", "The body, a list or a text is too large.", None),
    "422": ("Invalid", "The body or a parameter is of the wrong form.", None),
    "429": ("Overloaded", "Too much at once. Ask again after some seconds.", "Retry-After"),
    "500": ("Internal", "The server failed. Its log says why, under the request's id.", None),
    "503": ("Unavailable", "It took too long, or the server cannot answer now.", None),
    "507": ("Storage", "The disk is full or cannot be written. Nothing was changed.", None),
}
GROUPS = {
    "Ask": "Labels of texts, in this server's own shapes.",
    "Other servers' shapes": "The same answers for clients of Rasa, Hugging Face and OpenAI.",
    "Teach": "What bots have learned: see it, change it, take it back.",
    "Administer": "New bots, and work that takes long.",
    "Server": "Whether it lives, and what it serves. No key is needed.",
}
_GROUP_OF_ROLE = {"ask": "Ask", "teach": "Teach", "admin": "Administer", None: "Server"}


def use_description(app: FastAPI) -> None:
    """Let `app.openapi()` be this description."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of an application."""
    document = get_openapi(
        title="fsl_nlp", version=app.version, summary=_SUMMARY, routes=app.routes
    )
    document["tags"] = [{"name": name, "description": text} for name, text in GROUPS.items()]
    names: set[str] = set()
    for path, method, operation in operations(document):
        role = _role_of(operation)
        operation["x-role"] = role
        operation["security"] = [{"bearer": [role]}, {"header": [role]}, {}] if role else []
        operation["tags"] = operation.get("tags") or [_GROUP_OF_ROLE[role]]
        _improve_words(operation)
        declared = operation["responses"]
        declared.pop("422", None)  # in the framework's form
        operation["responses"] = declared | {
            code: answer
            for code, answer in _errors(path, method, operation, role).items()
            if code not in declared
        }
        suffix = re.sub(r"\W", "_", path) + f"_{method}"
        operation["operationId"] = _unused(operation["operationId"].removesuffix(suffix), names)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):  # the framework's form of errors
        schemas.pop(unused, None)
    schemas |= {"Error": _ERROR, **SCHEMAS}
    components["responses"] = {
        name: _answer(description, header) for name, description, header in ERRORS.values()
    }
    components["securitySchemes"] = _SCHEMES
    return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each endpoint."""
    for path, methods in document.get("paths", {}).items():
        for method, operation in methods.items():
            yield path, method, operation


def _improve_words(operation: dict[str, Any]) -> None:
    """The docstring's first sentence in place of the function's name."""
    text = " ".join(operation.pop("description", "").split())
    first, _, rest = text.partition(". ")
    if text:
        operation["summary"] = first.rstrip(".")
    if rest:
        operation["description"] = rest
    for code, answer in operation["responses"].items():
        if code.startswith("2"):
            answer["description"] = "The answer"


def _role_of(operation: dict[str, Any]) -> str | None:
    """The role that the endpoint depends on, by the names of its security schemes."""
    named = [role for scheme in operation.get("security", []) for role in scheme]
    return max(named, key=ROLES.index, default=None)


def _errors(path: str, method: str, operation: dict[str, Any], role: str | None) -> dict[str, Any]:
    codes = {"403", "500", "503"}
    if role:
        codes |= {"401", "404", "422", "429"}
    if "{" in path:
        codes |= {"404"}
    if "parameters" in operation:
        codes |= {"422"}
    if method != "get":
        codes |= {"400", "408", "413", "422"}
        codes |= {"409", "507"} if role in ("teach", "admin") else set()
    return {code: {"$ref": f"#/components/responses/{ERRORS[code][0]}"} for code in sorted(codes)}


def _answer(description: str, header: str | None) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    headers = {header: {"schema": {"type": "string"}}} if header else {}
    return {"description": description, "content": content, "headers": headers}


def _unused(name: str, names: set[str]) -> str:
    """The name, with a number if another endpoint has it."""
    number, unused = 2, name
    while unused in names:
        number, unused = number + 1, f"{name}_{number}"
    names.add(unused)
    return unused


_ERROR = {
    "title": "Error",
    "description": "What went wrong, and what to do.",
    "type": "object",
    "properties": {
        "error": {"type": "string", "title": "One sentence"},
        "error_type": {"type": "string", "title": "Type", "enum": sorted(STATUS)},
    },
    "required": ["error", "error_type"],
    "additionalProperties": False,
    "examples": [
        {"error": "There is no bot 'shopp'. Did you mean shop?", "error_type": "not_found"}
    ],
}
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of `fsl-nlp keys add`. Servers on loopback may need none.",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
