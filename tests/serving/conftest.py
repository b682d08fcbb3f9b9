"""A served bot for the tests of the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier, load_dataset

URL = "http://127.0.0.1:8000"  # a server without keys answers for names of this machine alone

# The served bots, by the name of their folder.
CORPORA = {
    "shop": ("support_en", "embedded:en"),
    "shop-zh": ("support_zh", "embedded:multilingual"),
}


@pytest.fixture(scope="session")
def saved_bots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of an English and a Chinese bot. Tests that change one copy it first."""
    folder = tmp_path_factory.mktemp("bots")
    for name, (corpus, encoder) in CORPORA.items():
        bot = FewShotClassifier("proto", encoder)
        bot.fit_dataset(load_dataset(corpus)).save(folder / name)
    return {name: folder / name for name in CORPORA}


@contextmanager
def client_of(*folders: Path, **settings: Any) -> Iterator[Any]:
    """A client of a server in this process."""
    from fastapi.testclient import TestClient

    from fsl_nlp.serving.app import create_app
    from fsl_nlp.serving.settings import ServerSettings

    app = create_app(ServerSettings(folders, **settings))
    with TestClient(app, URL, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(name="client_of", scope="session")
def _client_of() -> Callable[..., Any]:
    """`with client_of(folder, ...) as client:`; keywords are settings."""
    return client_of


@pytest.fixture(scope="module")
def client(saved_bots: dict[str, Path]) -> Iterator[Any]:
    """A client of a server with both bots, which no test changes."""
    with client_of(*saved_bots.values()) as client:
        yield client


@contextmanager
def _live_server(*folders: Path, **settings: Any) -> Iterator[str]:
    """The address of a server that listens on this machine, in a thread, until the block ends."""
    import uvicorn

    from fsl_nlp.serving.app import create_app
    from fsl_nlp.serving.settings import ServerSettings

    config = uvicorn.Config(
        create_app(ServerSettings(folders, **settings)), port=0, log_config=None
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.02)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def live_server() -> Callable[..., Any]:
    """`with live_server(folder, ...) as url:`, for clients that need an address."""
    return _live_server
