"""JSON schemas as people read them: fields with their types and limits, and samples of values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
_DEPTH = 3  # of fields in fields

# Values for fields that have no example.
_SAMPLES: dict[str, Any] = {
    "text": "where is my parcel",
    "text_b": "has my order been sent",
    "inputs": "where is my parcel",
    "input": "where is my parcel",
    "texts": ["where is my parcel"],
    "label": "track_order",
    "labels": ["track_order", "delivery_time"],
    "old": "track_order",
    "new": "where_is_it",
    "into": "track_order",
}


@dataclass(frozen=True)
class Field:
    """A field of a JSON object, in words."""

    name: str  # "alternatives[].label" for a field in a field
    type: str
    required: bool
    default: str  # as JSON; "" if there is none
    words: str


class Schemas:
    """The named schemas of an OpenAPI description."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._named: Mapping[str, Schema] = document.get("components", {}).get("schemas", {})

    def resolve(self, schema: Schema) -> Schema:
        """The schema that a reference names; others as they are."""
        while name := schema.get("$ref"):
            schema = self._named[str(name).rpartition("/")[2]]
        return schema

    def objects(self, schema: Schema) -> Iterator[Schema]:
        """The objects that a value may be, or that it is a list of, each once."""
        seen = set()
        for one in self._objects(schema, _DEPTH):
            if id(one) not in seen:
                seen.add(id(one))
                yield one

    def _objects(self, schema: Schema, depth: int) -> Iterator[Schema]:
        schema = self.resolve(schema)
        if depth and "properties" in schema:
            yield schema
        elif depth:
            for inner in (*schema.get("anyOf", ()), schema.get("items")):
                if inner:
                    yield from self._objects(inner, depth - 1)

    def fields(self, schema: Schema, prefix: str = "", depth: int = _DEPTH) -> Iterator[Field]:
        """The fields of an object, those of objects in it after each."""
        required = schema.get("required", ())
        for name, raw in schema.get("properties", {}).items():
            field = self.field(prefix + name, raw, name in required)
            yield field
            inner = list(self.objects(raw)) if depth > 1 else []
            lists = "[]" if "list" in field.type else ""
            if len(inner) == 1:
                yield from self.fields(inner[0], f"{prefix}{name}{lists}.", depth - 1)

    def field(self, name: str, schema: Schema, required: bool) -> Field:
        """One field."""
        default = json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else ""
        return Field(name, self.type(schema), required, default, describe(schema))

    def type(self, schema: Schema) -> str:
        """The type of a value in words.

        >>> Schemas({}).type({"anyOf": [{"type": "array", "items": {"type": "string"}}]})
        'list of string'
        """
        schema = self.resolve(schema)
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(self.type(one) for one in schema["anyOf"]))
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " or ".join(json.dumps(value) for value in schema["enum"])
        kind = schema.get("type", "any")
        if kind == "array":
            items = schema.get("items") or {"anyOf": schema.get("prefixItems", [{}])}
            return f"list of {self.type(items)}"
        return str(schema.get("title", kind) if "properties" in schema else kind)

    def sample(self, schema: Schema, name: str = "") -> Any:
        """A value that the schema takes: its example, or one by the name of the field."""
        schema = self.resolve(schema)
        for value in (schema.get("examples") or [schema.get("example")])[:1]:
            if value is not None:
                return value
        if "properties" in schema:
            required = schema.get("required", ())
            return {
                key: self.sample(value, key)
                for key, value in schema["properties"].items()
                if key in required or self.resolve(value).get("examples")
            }
        if name in _SAMPLES and self._takes(schema, _SAMPLES[name]):
            return _SAMPLES[name]
        if "default" in schema:
            return schema["default"]
        if "anyOf" in schema:
            return self.sample(schema["anyOf"][0], name)
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if schema.get("type") == "array":
            return [self.sample(schema.get("items", {}), name)]
        plain = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "object": {}}
        return plain.get(str(schema.get("type")))

    def _takes(self, schema: Schema, value: Any) -> bool:
        """Whether a schema takes a text, or a list of texts."""
        schema = self.resolve(schema)
        if "anyOf" in schema:
            return any(self._takes(one, value) for one in schema["anyOf"])
        if isinstance(value, list) and schema.get("type") == "array":
            return self._takes(schema.get("items", {}), value[0])
        return isinstance(value, str) and schema.get("type") == "string"


_LIMITS = {
    "minimum": "at least {:g}",
    "maximum": "at most {:g}",
    "exclusiveMinimum": "more than {:g}",
    "exclusiveMaximum": "less than {:g}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


def describe(schema: Schema) -> str:
    """What a field means, and its limits.

    >>> describe({"description": "How many", "minimum": 1, "maximum": 9})
    'How many; at least 1, at most 9.'
    """
    inner = [schema, *schema.get("anyOf", ())]
    limits = [
        words.format(one[key]) for one in inner for key, words in _LIMITS.items() if key in one
    ]
    parts = [schema.get("description", "").rstrip("."), ", ".join(limits)]
    text = "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}." if text else ""
