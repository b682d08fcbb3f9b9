"""What the JSON body of a request may be."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

_SURROGATE = re.compile("[\ud800-\udfff]")


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
