"""A served bot for the tests of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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
