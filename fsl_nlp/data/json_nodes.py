"""A JSON document whose values know the line that they stand on."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fsl_nlp.errors import DataError

_SEPARATORS = re.compile(r"[ \t\r\n,:]*")


@dataclass(frozen=True)
class _Text:
    text: str

    @cached_property
    def breaks(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self.text)]

    def skip(self, offset: int) -> int:
        match = _SEPARATORS.match(self.text, offset)
        return match.end() if match else offset


@dataclass(frozen=True)
class JsonNode:
    """A value, and where it begins in the text.

    >>> node = parse_nodes('{"a":\\n [1, 2]}', "a.json")
    >>> [(item.value, item.line) for item in node["a"].items()]
    [(1, 2), (2, 2)]
    """

    value: Any
    offset: int
    _text: _Text

    @property
    def line(self) -> int:
        """The line, from 1."""
        return bisect_left(self._text.breaks, self.offset) + 1

    def members(self) -> Iterator[tuple[str, JsonNode]]:
        """The key and the value of each member; nothing if this is no object."""
        if isinstance(self.value, dict):
            for key, node in self._children():
                yield key or "", node

    def items(self) -> Iterator[JsonNode]:
        """The items of a list; nothing if this is no list."""
        if isinstance(self.value, list):
            for _, node in self._children():
                yield node

    def __getitem__(self, key: str) -> JsonNode:
        """The value of a key; an empty list if there is none, or if this is no object."""
        values = [node for name, node in self.members() if name == key]
        return values[-1] if values else JsonNode([], 0, _Text("[]"))

    def _children(self) -> Iterator[tuple[str | None, JsonNode]]:
        # The text is valid JSON: separators are skipped without a check.
        text, skip = self._text.text, self._text.skip
        decode = json.JSONDecoder().raw_decode
        is_object = isinstance(self.value, dict)
        offset = skip(self.offset + 1)
        while text[offset] not in "]}":
            key = None
            if is_object:
                key, offset = decode(text, offset)
                offset = skip(offset)
            value, end = decode(text, offset)
            yield key, JsonNode(value, offset, self._text)
            offset = skip(end)


def parse_nodes(text: str, source: str) -> JsonNode:
    """The whole document, or a DataError with the line of the mistake."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise DataError(f"{source}:{line}: {json_reason(error)}") from None
    return JsonNode(value, len(text) - len(text.lstrip(" \t\r\n")), _Text(text))


def json_reason(error: Exception) -> str:
    """Why a text is no JSON, without the line."""
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON at column {error.colno}: {error.msg}"
    return f"invalid JSON: {error}"  # such as a number of 5,000 digits, or endless brackets
