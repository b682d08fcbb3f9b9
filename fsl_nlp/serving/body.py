"""What the JSON body of a request may be."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from starlette.requests import Request

Body = TypeVar("Body", bound=BaseModel)

_SURROGATE = re.compile("[\ud800-\udfff]")
_JSON = re.compile(r"\s*application/(?:[^;\s]*\+)?json\s*(?:;|$)", re.IGNORECASE)
_REFERENCE = "#/components/schemas/{model}"

# Of the bodies that `parse` reads; the description of the interface takes them over.
SCHEMAS: dict[str, Any] = {}


class ForeignBody(BaseModel):
    """A body that the clients of other servers send, perhaps with fields that mean nothing here.

    JSON can write half of a character (a lone surrogate, "\\ud800"), which no file, database or
    answer in UTF-8 can hold. It is refused.
    """

    @model_validator(mode="before")
    @classmethod
    def _whole_characters(cls, data: Any) -> Any:
        if not _is_text(data):
            raise ValueError("a string holds half of a character (a lone surrogate)")
        return data


class RequestBody(ForeignBody):
    """A body with no fields but those that are named."""

    model_config = ConfigDict(extra="forbid")


def takes(kind: type[BaseModel]) -> dict[str, Any]:
    """What a route says of a body that it reads with `parse`: `@router.post(.., **takes(Kind))`."""
    schema = kind.model_json_schema(ref_template=_REFERENCE)
    SCHEMAS.update(schema.pop("$defs", {}), **{kind.__name__: schema})
    content = {"schema": {"$ref": _REFERENCE.format(model=kind.__name__)}}
    body = {"required": True, "content": {"application/json": content}}
    return {"openapi_extra": {"requestBody": body}}


async def parse(request: Request, kind: type[Body]) -> Body:
    """The body of a request. The framework takes longer than all else, and says the same."""
    if not _JSON.match(request.headers.get("content-type", "")):
        raise RequestValidationError([{"type": "model_attributes_type", "loc": ("body",)}])
    try:
        return kind.model_validate_json((await request.body()).removeprefix(BOM_UTF8))
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_input=False)) from None


def _is_text(value: Any) -> bool:
    """Whether all strings in a JSON value can be written in UTF-8."""
    waiting = [value]
    for item in waiting:  # grows while it is read
        if isinstance(item, str):
            if not item.isascii() and _SURROGATE.search(item):
                return False
        elif isinstance(item, dict):
            waiting += item.keys()
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return True
