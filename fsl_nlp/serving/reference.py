"""The page at /docs: every endpoint with its fields, limits, role and errors, and an example.

It is written here from the OpenAPI description, so that it needs no script and no other server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from fsl_nlp.serving.calls import Call
from fsl_nlp.serving.html import code, details, escape, heading, inline, table
from fsl_nlp.serving.openapi import ERRORS, GROUPS, operations
from fsl_nlp.serving.schema_words import Field, Schema, Schemas
from fsl_nlp.serving.settings import ServerSettings

router = APIRouter(include_in_schema=False)

_CHINESE = {
    "Ask": "提问",
    "Other servers' shapes": "兼容其他服务",
    "Teach": "教学",
    "Administer": "管理",
    "Server": "服务器",
    "Keys and roles": "密钥与角色",
    "Limits": "限制",
    "Errors": "错误",
}
_ROLES = (
    ("<code>ask</code>", "Ask questions, and give feedback."),
    ("<code>teach</code>", "What ask may. See the sentences of bots, and change bots."),
    ("<code>admin</code>", "What teach may. Train new bots."),
)
_FIELDS = ("Field", "Type", "Default", "Meaning")


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """The description of the interface."""
    return _kept(request, JSONResponse(request.app.openapi()))


@router.get("/docs")
def docs(request: Request) -> Response:
    """The reference for people."""
    server = request.app.state.server
    url = str(request.base_url).rstrip("/")
    bots = [bot.name for bot in server.bots] or ["my-bot"]
    page = Reference(request.app.openapi(), server.settings, url, bots[0])
    return _kept(request, HTMLResponse(page.html()))


def _kept(request: Request, answer: Response) -> Response:
    """The answer with a tag; 304 to a browser that has it."""
    tag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": tag})
    answer.headers["ETag"] = tag
    return answer


@dataclass(frozen=True)
class Endpoint:
    """An endpoint of the interface."""

    path: str
    method: str
    operation: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name in links."""
        return str(self.operation["operationId"])


class Reference:
    """The page of one server at one address."""

    def __init__(
        self, document: Mapping[str, Any], settings: ServerSettings, url: str, bot: str
    ) -> None:
        self._document = document
        self._schemas = Schemas(document)
        self._settings = settings
        self._url = url
        self._bot = bot
        self._groups: dict[str, list[Endpoint]] = {name: [] for name in GROUPS}
        for path, method, operation in operations(document):
            self._groups[operation["tags"][0]].append(Endpoint(path, method, operation))

    def html(self) -> str:
        """The whole page."""
        sections = [self._keys(), *map(self._group, self._groups), self._limits(), self._errors()]
        return _PAGE.format(
            version=escape(self._document["info"]["version"]),
            contents="".join(self._contents()),
            sections="".join(f"<section>{section}</section>" for section in sections if section),
        )

    def _contents(self) -> Iterator[str]:
        yield _link("Keys and roles")
        for name, endpoints in self._groups.items():
            links = "".join(
                f'<li><a href="#{one.name}"><code>{one.method.upper()} {escape(one.path)}</code>'
                "</a></li>"
                for one in endpoints
            )
            if links:
                yield _link(name, f"<ul>{links}</ul>")
        yield _link("Limits") + _link("Errors")

    def _keys(self) -> str:
        needed = "This server needs a key."
        if not self._settings.keys:
            needed = "This server needs no key: it answers this machine alone, or everybody."
        about = (
            f"{needed} Make one with `fsl-nlp keys add keys.json NAME --role ask`, and start the "
            "server with `--keys keys.json`. Send it as `Authorization: Bearer KEY`, or as "
            "`X-API-Key: KEY`."
        )
        return f"{_head('Keys and roles')}<p>{inline(about)}</p>{table(('Role', 'May'), _ROLES)}"

    def _group(self, name: str) -> str:
        endpoints = "".join(map(self._endpoint, self._groups[name]))
        return endpoints and f"{_head(name)}<p>{inline(GROUPS[name])}</p>{endpoints}"

    def _endpoint(self, one: Endpoint) -> str:
        operation, role = one.operation, one.operation["x-role"]
        words = [operation.get("summary", ""), operation.get("description", "")]
        return "".join(
            (
                f'<article id="{one.name}"><h3><code><b>{one.method.upper()}</b> '
                f"{escape(one.path)}</code></h3>",
                f'<p class="hint">{f"Role {role}" if role else "No key"}</p>',
                *(f"<p>{inline(text.rstrip('.'))}.</p>" for text in words if text),
                self._parameters(operation),
                self._body(operation),
                self._example(one),
                self._answer(operation),
                self._codes(operation),
                "</article>",
            )
        )

    def _parameters(self, operation: Mapping[str, Any]) -> str:
        fields = [
            self._schemas.field(one["name"], {**one["schema"], **one}, one.get("required", False))
            for one in operation.get("parameters", ())
        ]
        return f"<h4>Parameters</h4>{_fields(fields)}" if fields else ""

    def _body(self, operation: Mapping[str, Any]) -> str:
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            return ""
        if schema := content.get("application/json", {}).get("schema"):
            return f"<h4>Body</h4>{self._objects(schema)}"
        return f"<h4>Body</h4><p>The file itself: {escape(', '.join(content))}.</p>"

    def _example(self, one: Endpoint) -> str:
        call = Call.of(one.path, one.method, one.operation, self._schemas, self._bot)
        has_key = bool(self._settings.keys and one.operation["x-role"])
        python = code(call.python(self._url, has_key), "The call in Python")
        curl = code(call.curl(self._url, has_key), "The call with curl")
        return f"<h4>Example</h4>{curl}{details('In Python', python)}"

    def _answer(self, operation: Mapping[str, Any]) -> str:
        status = min(operation["responses"])
        content = operation["responses"][status].get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        words = self._schemas.type(schema) if schema else ", ".join(content)
        title = f"Answer {status}: {words}" if words else f"Answer {status}"
        inside = self._objects(schema)
        return details(title, inside) if inside else f"<p>{escape(title)}.</p>"

    def _objects(self, schema: Schema) -> str:
        """A table for each object that a value may be."""
        objects = list(self._schemas.objects(schema))
        tables = [_fields(self._schemas.fields(one)) for one in objects]
        if len(objects) == 1:
            return tables[0]
        titles = (
            f"<p><b>{escape(one.get('title', ''))}.</b> {inline(one.get('description', ''))}</p>"
            for one in objects
        )
        return "".join(title + rows for title, rows in zip(titles, tables, strict=True))

    def _codes(self, operation: Mapping[str, Any]) -> str:
        codes = sorted(code for code in operation["responses"] if code in ERRORS)
        links = (f'<a href="#error-{code}">{code}</a>' for code in codes)
        return f'<p class="hint">Errors: {", ".join(links)}</p>'

    def _limits(self) -> str:
        limits = self._settings
        rows = (
            ("Texts in one request", f"{limits.texts:,}"),
            ("Characters of a text", f"{limits.characters:,}"),
            ("Bytes of a body", f"{limits.body:,}"),
            ("Bytes of a file", f"{limits.upload:,}"),
            ("Questions that wait; more get 429", f"{limits.waiting:,}"),
            ("Seconds for a question", f"{limits.timeout:g}"),
            ("Seconds for an edit or an upload", f"{limits.work_timeout:g}"),
            ("Seconds without a byte of a body", f"{limits.body_timeout:g}"),
            ("Connections", f"{limits.connections:,}"),
        )
        return _head("Limits") + table(("What", "At most"), rows)

    def _errors(self) -> str:
        about = (
            "An error is an object with one sentence, and a type for programs. Every answer has "
            "the header `X-Request-Id`, which the log of the server has, too."
        )
        rows = [
            (f'<span id="error-{status}">{status}</span>', escape(words))
            for status, (_, words, _) in ERRORS.items()
        ]
        example = self._document["components"]["schemas"]["Error"]["examples"][0]
        shown = code(json.dumps(example, indent=2), "An error")
        return f"{_head('Errors')}<p>{inline(about)}</p>{shown}{table(('Status', 'When'), rows)}"


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-").replace("'", "")


def _head(name: str) -> str:
    return heading(_slug(name), name, _CHINESE[name])


def _link(name: str, more: str = "") -> str:
    return f'<li><a href="#{_slug(name)}">{escape(name)}</a>{more}</li>'


def _fields(fields: Iterable[Field]) -> str:
    rows = (
        (
            f"<code>{escape(field.name)}</code>",
            escape(field.type),
            "required" if field.required else f"<code>{escape(field.default or 'none')}</code>",
            inline(field.words),
        )
        for field in fields
    )
    return table(_FIELDS, rows)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>HTTP interface of fsl-nlp</title>
<link rel="icon" href="page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page/page.css">
<link rel="stylesheet" href="page/docs.css">
</head>
<body class="reference">
<header>
<h1>HTTP interface <span class="chinese" lang="zh">接口参考</span></h1>
<p class="hint">fsl-nlp {version}, as <a href="openapi.json">OpenAPI</a>, and the
<a href="./">page of the bots</a></p>
</header>
<div class="sides">
<nav aria-label="Contents"><ul>{contents}</ul></nav>
<main>
{sections}
</main>
</div>
</body>
</html>
"""
