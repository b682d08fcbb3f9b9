"""Starting and stopping a server."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from dataclasses import replace

from fsl_nlp.errors import MissingExtraError, OptionError
from fsl_nlp.serving.logs import use_json_lines
from fsl_nlp.serving.settings import ServerSettings

_BACKLOG = 2048  # connections that the system holds until they are accepted
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def serve(
    settings: ServerSettings, started: Callable[[str], object] = lambda address: None
) -> None:
    """Serve until a signal stops it; requests that were accepted are answered first.

    `started` is called with the address when requests are answered.
    """
    try:
        from fsl_nlp.serving.access import check_settings
        from fsl_nlp.serving.app import create_app
        from fsl_nlp.serving.connections import allow_files
        from fsl_nlp.serving.server import Server
        from fsl_nlp.serving.workers import supervise
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"A server needs the package {error.name}: pip install 'fsl-nlp[serve]'"
        ) from error
    check_settings(settings)
    settings = replace(settings, connections=allow_files(settings.connections))
    with listen(settings.host, settings.port) as listener:
        address = address_of(settings.host, listener)
        if settings.workers > 1:
            supervise(settings, listener, lambda: started(address))
        else:
            if settings.access_log:
                use_json_lines()
            server = Server(create_app(settings), settings, lambda: started(address))
            server.run([listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; what comes before the server answers waits for it.

    >>> with listen("127.0.0.1", 0) as listener:
    ...     address_of("127.0.0.1", listener).rpartition(":")[0]
    'http://127.0.0.1'
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise OptionError(f"--host {host}: this is no address or name of this machine.") from None
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":  # there it would take the port from another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OptionError(_why_not(error, host, port)) from None
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is in use. Stop the program that listens there, or choose "
            "another port; --port 0 takes a free one."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs the rights of an administrator. Choose one from 1024 on."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host}: this machine does not have this address."
    return f"{host}, port {port}: {error.strerror or error}."


def address_of(host: str, listener: socket.socket) -> str:
    """The URL that a browser on this machine opens."""
    host = _EVERY_ADDRESS.get(host, host)
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{name}:{listener.getsockname()[1]}"
