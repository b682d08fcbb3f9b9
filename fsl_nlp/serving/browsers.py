"""What web pages of others may not do to a server that asks for no keys.

A browser on this machine reaches a server on loopback, and so does every page that it shows. Two
ways lead there: a page sends a request across sites, or its name is rebound to 127.0.0.1 so that
the browser takes the server for the page's own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fsl_nlp.errors import OptionError
from fsl_nlp.serving.errors import RequestError

if TYPE_CHECKING:
    from starlette.types import Scope

    from fsl_nlp.serving.settings import ServerSettings

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]/@\s]+)(?::(\d{1,5}))?")
RASA = "/model/parse"  # its clients name other types than JSON; it changes nothing
UPLOAD_HEADER = b"x-file-name"  # a page of another site cannot send it without asking first


class BrowserGuard:
    """Refuses requests that a page of another site may have made."""

    def __init__(self, settings: ServerSettings) -> None:
        self._hosts = {host.lower() for host in settings.allow_hosts}
        # A server that is open to other machines may have any name, unless it is told its names.
        self._checks_hosts = not settings.open or bool(self._hosts)
        self._open = settings.open
        self._origins = frozenset(map(check_origin, settings.allow_origins))

    def check(self, scope: Scope) -> None:
        """Refuse (403) a request for another name, or from a page of another site."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        # A browser always names the host.
        if host and self._checks_hosts and not self._is_allowed(host):
            raise RequestError(
                "forbidden",
                "This server does not answer for the host of this request. Start it with "
                "--allow-host NAME, or with --keys.",
            )
        is_safe = scope["method"] in _SAFE_METHODS
        # Some of what is read takes work; a link to the page itself may stand anywhere.
        if not is_safe or scope["path"].startswith("/v1/"):
            self._check_sender(headers, host)
        if not is_safe and not scope["path"].endswith(RASA):
            _check_type(headers)

    def _is_allowed(self, host: str) -> bool:
        name = _name_of(host)
        if name in self._hosts or name == "localhost":
            return True
        address = _address_of(name)
        return address is not None and (self._open or address.is_loopback)

    def _check_sender(self, headers: dict[bytes, str], host: str) -> None:
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if origin in self._origins:
            return
        is_same = origin is None or (
            host and _without_port(_place_of(origin)) == _without_port(host)
        )
        if not is_same or site in ("cross-site", "same-site"):
            raise RequestError(
                "forbidden",
                "Pages of other sites may not use this server. Start it with "
                "--allow-origin https://SITE.",
            )


def _check_type(headers: dict[bytes, str]) -> None:
    """Refuse what a form of an old browser may send, which names no origin."""
    kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
    has_body = headers.get(b"content-length", "0") != "0" or b"transfer-encoding" in headers
    if has_body and not _is_json(kind) and UPLOAD_HEADER not in headers:
        raise RequestError("validation", "Send JSON, with Content-Type: application/json.")


def _is_json(kind: str) -> bool:
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


@lru_cache(64)
def _address_of(name: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, which cannot be rebound; None if it is a name."""
    try:
        return ip_address(name.strip("[]"))
    except ValueError:
        return None


def _name_of(host: str) -> str:
    """The name in a Host header; "" if it is none.

    >>> _name_of("LocalHost:8000"), _name_of("[::1]:80"), _name_of("a:b:c")
    ('localhost', '[::1]', '')
    """
    match = _HOST.fullmatch(host.lower())
    return match[1] if match else ""


def _place_of(origin: str) -> str:
    """The host and port of an origin; "" for "null" and other words."""
    return origin.partition("://")[2]


def _without_port(place: str) -> str:
    """A host with its port, unless that is the usual one: `Origin` leaves it out.

    >>> _without_port("Example.org:443"), _without_port("localhost:8000")
    ('example.org', 'localhost:8000')
    """
    return place.lower().removesuffix(":80").removesuffix(":443")


def check_origin(origin: str) -> str:
    """A site of --allow-origin, as browsers write it; an OptionError for what is none.

    >>> check_origin("https://Shop.example.org/")
    'https://shop.example.org'
    """
    parts = urlsplit(origin)
    is_site = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc.lower())
    if not is_site or parts.path not in ("", "/") or parts.query or "*" in origin:
        raise OptionError(
            f"--allow-origin {origin!r} is no site. Write it as https://shop.example.org"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"
