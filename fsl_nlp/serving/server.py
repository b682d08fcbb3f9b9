"""One process that answers: uvicorn with the settings of this server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from fsl_nlp.serving.connections import protocol_of
from fsl_nlp.serving.settings import ServerSettings

if TYPE_CHECKING:
    from fastapi import FastAPI


def _is_no_cut_off(record: logging.LogRecord) -> bool:
    """Whether a record is not of a request that was cut off when the server ended."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, asyncio.CancelledError)


class Server(uvicorn.Server):
    """Answers on a socket until a signal, or until `should_exit` is set.

    Then new connections are refused, and what was accepted is answered, for `grace` seconds at
    most. A second Ctrl-C ends it at once.
    """

    def __init__(
        self, app: FastAPI, settings: ServerSettings, started: Callable[[], object]
    ) -> None:
        config = uvicorn.Config(
            app,
            http=protocol_of(settings),  # type: ignore[arg-type]  # it makes one
            ws="none",
            lifespan="on",
            timeout_keep_alive=settings.keep_alive,  # type: ignore[arg-type]  # a float does
            timeout_graceful_shutdown=settings.grace,  # type: ignore[arg-type]
            access_log=False,
            log_config=None,
            server_header=False,
        )
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_is_no_cut_off)
        self._app = app
        self._when_started = started

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Heed signals; afterwards the first one ends the process, as it would have."""
        with super().capture_signals():
            yield
            del self._captured_signals[1:]

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._when_started()

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Refuse new connections, and answer what was accepted."""
        self._app.state.is_stopping = True
        await super().shutdown(sockets)
        if self.force_exit:  # what is cut off now would be logged as errors
            logging.getLogger("uvicorn.error").disabled = True
