"""Errors of the HTTP interface: one sentence, a type, a status."""

from __future__ import annotations

from collections.abc import Mapping

# The status of each type of error.
STATUS = {
    "empty": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "too_large": 413,
    "validation": 422,
    "overloaded": 429,
    "internal": 500,
    "timeout": 503,
    "unavailable": 503,
    "storage": 507,
}


class RequestError(Exception):
    """A request that gets an error instead of an answer.

    >>> RequestError("not_found", "There is no bot 'x'.").status
    404
    """

    def __init__(
        self, error_type: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.error_type]

    def to_dict(self) -> dict[str, str]:
        """The body of the answer."""
        return {"error": str(self), "error_type": self.error_type}
