"""Who may do what: a key gives a role, and a server for this machine alone needs no keys."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.serving.browsers import check_origin
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.keys import ROLES, KeyFile, read_keys
from fsl_nlp.serving.limits import allow_work
from fsl_nlp.serving.settings import ServerSettings

_CALLER = "fsl_nlp.caller"  # where a request's scope holds its caller
_KEY = "fsl_nlp.key"  # where it holds a key that did not come in a header


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the name and the role of the key; no name where no keys are needed."""

    name: str | None
    role: str

    def may(self, role: str) -> bool:
        """Whether the role is this one or a lower one.

        >>> Caller("website", "teach").may("ask"), Caller("website", "teach").may("admin")
        (True, False)
        """
        return ROLES.index(role) <= ROLES.index(self.role)


ANYBODY = Caller(None, "admin")


class RoleCheck(SecurityBase):
    """A dependency of FastAPI that refuses callers without a role."""

    def __init__(self, role: str) -> None:
        assert role in ROLES
        self.role = role
        # What OpenAPI says of an endpoint that depends on this.
        self.model = HTTPBearer()
        self.scheme_name = role

    # A coroutine: FastAPI runs plain functions in a thread, which takes longer than the check.
    async def __call__(self, request: HTTPConnection) -> Caller:
        """The caller, who has the role."""
        return check(request, self.role)


@cache  # one object a role, so that FastAPI calls it once for a request
def require(role: str) -> RoleCheck:
    """A dependency that refuses callers without the role.

    `@router.post("/v1/x", dependencies=[Depends(require("teach"))])`
    """
    return RoleCheck(role)


def check(request: HTTPConnection, role: str) -> Caller:
    """The caller of a request, who has the role; a RequestError (401, 403) if not."""
    caller = caller_of(request)
    if not caller.may(role):
        raise RequestError(
            "forbidden", f"This needs a key with the role {role}; yours has {caller.role}."
        )
    if role != "ask":
        allow_work(request.scope)
    return caller


def caller_of(request: HTTPConnection) -> Caller:
    """The caller of a request; a RequestError (401, 429) without a right key if one is needed."""
    if _CALLER not in request.scope:
        request.scope[_CALLER] = request.app.state.server.access.caller(request)
    caller: Caller = request.scope[_CALLER]
    return caller


def offer_key(request: HTTPConnection, key: str | None) -> None:
    """Take a key from where a client puts it that cannot send one in a header."""
    request.scope[_KEY] = key


class Access:
    """The keys of a server, and the addresses that sent wrong ones."""

    def __init__(self, settings: ServerSettings) -> None:
        check_settings(settings)
        self._keys = KeyFile(settings.keys) if settings.keys else None
        self._wrong = WrongKeys()

    @property
    def needs_keys(self) -> bool:
        """Whether callers need keys."""
        return self._keys is not None

    def caller(self, request: HTTPConnection) -> Caller:
        """Who sent the request."""
        if self._keys is None:
            return ANYBODY
        text = _key_of(request)
        if text is None:
            raise _unauthorized("Send a key: Authorization: Bearer KEY, or X-API-Key: KEY.")
        try:
            key = self._keys.verify(text)
        except DataError as error:
            raise RequestError("unavailable", "The server cannot read its keys.") from error
        if key is not None:
            return Caller(key.name, key.role)
        # A right key passes even from an address that sends wrong ones: behind a proxy, all
        # callers have the same address. Nobody can guess a key in any number of tries.
        address = request.client.host if request.client else ""
        if seconds := self._wrong.add(address):
            raise RequestError(
                "overloaded", "Too many wrong keys. Wait a minute.", {"Retry-After": str(seconds)}
            )
        raise _unauthorized("This key is wrong, or was removed.", ', error="invalid_token"')


def _key_of(request: HTTPConnection) -> str | None:
    if key := request.headers.get("x-api-key"):
        return key
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip() or None
    return request.scope.get(_KEY)


def _unauthorized(message: str, detail: str = "") -> RequestError:
    return RequestError(
        "unauthorized", message, {"WWW-Authenticate": f'Bearer realm="fsl-nlp"{detail}'}
    )


class WrongKeys:
    """Counts wrong keys by address, for so many addresses at most.

    >>> wrong = WrongKeys(most=2)
    >>> [wrong.add("192.0.2.1") > 0 for _ in range(3)]
    [False, False, True]
    """

    def __init__(
        self,
        *,
        most: int = 10,
        seconds: float = 60.0,
        addresses: int = 4096,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._seconds, self._addresses, self._clock = most, seconds, addresses, clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()  # count, since when

    def add(self, address: str) -> int:
        """Count one more; gives the seconds to wait if there are too many, or 0."""
        now, network = self._clock(), _network(address)
        count, since = self._counts.pop(network, (0, now))
        if now - since >= self._seconds:
            count, since = 0, now
        self._counts[network] = count + 1, since
        if len(self._counts) > self._addresses:
            self._counts.popitem(last=False)
        return max(1, round(since + self._seconds - now)) if count >= self._most else 0


def _network(address: str) -> str:
    """The address; of IPv6 the first 64 bits, since one machine has all addresses of those."""
    try:
        parsed: Any = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address to listen on.

    >>> [is_loopback(host) for host in ("127.0.0.2", "::1", "localhost", "unix:/run/bot.sock")]
    [True, True, True, True]
    >>> is_loopback("0.0.0.0"), is_loopback("bot.example.org")
    (False, False)
    """
    if host.lower() == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_settings(settings: ServerSettings) -> None:
    """Refuse to serve other machines without keys, and a key file that cannot be used."""
    for origin in settings.allow_origins:
        check_origin(origin)
    if settings.keys is not None:
        if settings.open:
            raise OptionError("Give --keys or --open, not both.")
        if not read_keys(settings.keys):
            raise DataError(
                f"{settings.keys} has no keys. Add one: fsl-nlp keys add {settings.keys} NAME"
            )
    elif not settings.open and not is_loopback(settings.host):
        raise OptionError(
            f"Other machines can reach {settings.host}, so callers need keys. Make one with "
            "fsl-nlp keys add keys.json NAME --role teach, and add --keys keys.json. "
            "Or let everybody ask and teach with --open."
        )
