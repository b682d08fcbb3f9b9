"""The shapes of answers, for the description of the interface; nothing is checked by them."""

from __future__ import annotations

from typing import Any


def shapes(shape: Any, status: int = 200, **others: Any) -> dict[str, Any]:
    """What a route says of its answers: `@router.get("/v1/x", **shapes(Shape))`.

    `others` are shapes for more statuses, as `s503=Shape`.
    """
    models = {status: shape, **{int(name[1:]): other for name, other in others.items()}}
    return {
        "response_model": None,
        "responses": {code: {"model": model} for code, model in models.items()},
    }
