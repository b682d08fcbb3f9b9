"""Calls of an endpoint as people write them: with curl, and in Python."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from fsl_nlp.serving.schema_words import Schemas

_FILE = "train.csv"
_NEW_BOT = "new-bot"


@dataclass(frozen=True)
class Call:
    """A call that works as it is, but for the names in it."""

    method: str
    path: str  # with its query
    body: Any = None  # as JSON
    is_upload: bool = False

    @classmethod
    def of(
        cls, path: str, method: str, operation: Mapping[str, Any], schemas: Schemas, bot: str
    ) -> Call:
        """A call of an endpoint, with what must be given and what has an example."""
        query = {}
        for parameter in operation.get("parameters", ()):
            name = parameter["name"]
            value = bot if name == "bot" else schemas.sample(parameter["schema"], name)
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
            elif parameter["in"] == "query" and parameter.get("required"):
                query[name] = value
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if content and schema is None and "bot" in query:
            query["bot"] = _NEW_BOT
        return cls(
            method.upper(),
            path + (f"?{urlencode(query)}" if query else ""),
            None if schema is None else schemas.sample(schema),
            bool(content) and schema is None,
        )

    def curl(self, url: str, has_key: bool) -> str:
        """The command, in several lines."""
        usual = "POST" if self.is_upload or self.body is not None else "GET"
        method = "" if self.method == usual else f"-X {self.method} "
        parts = [f"curl {method}{shlex.quote(url + self.path)}"]
        if has_key:
            parts.append('-H "X-API-Key: $KEY"')
        if self.is_upload:
            parts += [f"-H 'X-File-Name: {_FILE}'", f"--data-binary @{_FILE}"]
        elif self.body is not None:
            text = json.dumps(self.body, ensure_ascii=False)
            parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(text)}"]
        return " \\\n  ".join(parts)

    def python(self, url: str, has_key: bool) -> str:
        """The same with the package requests."""
        arguments = [json.dumps(url + self.path, ensure_ascii=False)]
        headers = {"X-API-Key": "KEY"} if has_key else {}
        if self.is_upload:
            headers["X-File-Name"] = _FILE
            arguments.append(f'data=open("{_FILE}", "rb")')
        elif self.body is not None:
            arguments.append(f"json={_literal(self.body)}")
        if headers:
            arguments.append(f"headers={_literal(headers)}")
        call = f"requests.{self.method.lower()}(\n    " + ",\n    ".join(arguments) + ",\n)"
        return f"import requests\n\nanswer = {call}\nprint(answer.json())"


def _literal(value: Any) -> str:
    """The value in Python, with the quotes of JSON.

    >>> _literal({"text": "a", "why": True, "label": None})
    '{"text": "a", "why": True, "label": None}'
    """
    if isinstance(value, dict):
        pairs = (f"{_literal(key)}: {_literal(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
