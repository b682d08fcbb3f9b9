"""`fsl-nlp serve` as a process: its start, its signals, its workers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.errors import OptionError
from fsl_nlp.serving.run import address_of, listen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

_LONG = 60  # seconds until a test gives up


class Running:
    """A server in a process of its own; its errors go to a file."""

    def __init__(self, errors: Path, *arguments: object) -> None:
        self._errors = errors
        command = [sys.executable, "-m", "fsl_nlp", "serve", "--port", "0", *map(str, arguments)]
        with errors.open("w") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=file)
        until(lambda: "http://" in self.errors or self.process.poll() is not None)
        match = re.search(r"http://\S+", self.errors)
        self.url = match[0] if match else ""

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=_LONG) as answer:
            return str(answer.read().decode())

    def ask(self, *texts: str, **fields: Any) -> Any:
        body = json.dumps({"text": texts[0] if len(texts) == 1 else texts, **fields}).encode()
        request = urllib.request.Request(
            f"{self.url}/v1/classify", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_LONG) as answer:
            return json.load(answer)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(_LONG)

    def children(self) -> list[int]:
        """The processes that answer."""
        import psutil

        pids = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):  # it is ending
                if "spawn_main" in " ".join(child.cmdline()):
                    pids.append(child.pid)
        return pids


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + _LONG
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError("it did not happen")


@contextmanager
def running(tmp_path: Path, *arguments: object) -> Iterator[Running]:
    server = Running(tmp_path / "errors", *arguments)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


@pytest.fixture
def shop(saved_bots: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(saved_bots["shop"], tmp_path / "shop")


def test_one_process_from_start_to_stop(shop: Path, tmp_path: Path) -> None:
    with running(tmp_path, shop, "--limit", "batch_tokens=64") as server:
        assert server.errors.splitlines()[0].startswith(f"shop: {server.url} (the page")
        assert server.ask("where is my parcel")["label"] == "track_order"
        # SIGHUP: the bot is loaded again.
        server.signal(signal.SIGHUP)
        until(lambda: 'reloads_total{bot="shop",result="ok"} 1.0' in server.get("/metrics"))
        # SIGTERM while a long list is answered: it is answered to its end.
        with ThreadPoolExecutor(1) as thread:
            texts = [f"where is my parcel {i}" for i in range(200)]
            answers = thread.submit(server.ask, *texts)
            until(lambda: 'compute_seconds_count{queue="plain"} 1.0' not in server.get("/metrics"))
            server.signal(signal.SIGTERM)
            assert len(answers.result()) == 200
        assert server.wait() == -signal.SIGTERM
        with pytest.raises(urllib.error.URLError):
            server.get("/health")
        assert "Traceback" not in server.errors


def test_a_second_interrupt_ends_it_at_once(shop: Path, tmp_path: Path) -> None:
    with running(tmp_path, shop) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as slow:
            lines = ["POST /v1/classify HTTP/1.1", "Host: localhost", "Content-Length: 9"]
            lines += ["Content-Type: application/json", "", "{"]
            slow.sendall("\r\n".join(lines).encode())  # the rest of the body does not come
            server.get("/health")
            server.signal(signal.SIGINT)
            time.sleep(0.5)
            assert server.process.poll() is None
            server.signal(signal.SIGINT)
            start = time.monotonic()
            assert server.wait() == 130
        assert time.monotonic() - start < 5
        assert "Stopped." in server.errors
        assert "Traceback" not in server.errors


@pytest.mark.slow
def test_workers_answer_on_one_socket(shop: Path, tmp_path: Path) -> None:
    with running(tmp_path, shop, "--workers", 2, "--threads", 1) as server:
        workers = until(lambda: len(pids := server.children()) == 2 and pids)
        assert server.ask("where is my parcel")["label"] == "track_order"
        # A save is seen by both: no answer is of the older one after a second or so.
        bot = FewShotClassifier.load(shop)
        bot.rename_label("track_order", "tracking")
        bot.save(shop)
        until(
            lambda: {server.ask("where is my parcel")["label"] for _ in range(20)} == {"tracking"}
        )
        # The numbers are those of both.
        assert 'reloads_total{bot="shop",result="ok"} 2.0' in server.get("/metrics")
        server.signal(signal.SIGHUP)
        until(lambda: 'reloads_total{bot="shop",result="ok"} 4.0' in server.get("/metrics"))
        # A worker that dies is replaced.
        os.kill(workers[0], signal.SIGKILL)
        until(lambda: len(pids := server.children()) == 2 and workers[0] not in pids)
        assert server.ask("where is my parcel")["label"] == "tracking"
        until(lambda: "Another one takes its place" in server.errors)
        # What was accepted is answered.
        with ThreadPoolExecutor(1) as thread:
            answers = thread.submit(server.ask, *["where is my parcel"] * 200)
            time.sleep(0.1)
            server.signal(signal.SIGTERM)
            assert len(answers.result()) == 200
        assert server.wait() == -signal.SIGTERM
        assert not any(map(is_alive, workers))
        assert "Traceback" not in server.errors


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_workers_end_with_their_parent(shop: Path, tmp_path: Path) -> None:
    with running(tmp_path, shop, "--workers", 2, "--threads", 1) as server:
        workers = until(lambda: len(pids := server.children()) == 2 and pids)
        server.process.kill()
        until(lambda: not any(map(is_alive, workers)))


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_is_no_bot_is_said_in_one_sentence(workers: int, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with running(tmp_path, tmp_path / "empty", "--workers", workers) as server:
        assert server.wait() == 1
        (line,) = server.errors.splitlines()
    assert line.startswith("error: There is no classifier in")


def test_a_port_in_use_is_said_in_one_sentence() -> None:
    with listen("127.0.0.1", 0) as other:
        port = other.getsockname()[1]
        with pytest.raises(OptionError, match=f"Port {port} of 127.0.0.1 is in use"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "words"), [("no.such.host.invalid", "no address or name"), ("192.0.2.1", "not have")]
)
def test_a_wrong_host_is_said_in_one_sentence(host: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        listen(host, 0)


def test_addresses_are_those_that_a_browser_opens() -> None:
    with listen("0.0.0.0", 0) as listener:
        port = listener.getsockname()[1]
        assert address_of("0.0.0.0", listener) == f"http://127.0.0.1:{port}"
        assert address_of("::1", listener) == f"http://[::1]:{port}"
        assert address_of("::", listener) == f"http://[::1]:{port}"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsl_nlp.errors import MissingExtraError
    from fsl_nlp.serving.run import serve
    from fsl_nlp.serving.settings import ServerSettings

    for name in [name for name in sys.modules if name.startswith("fsl_nlp.serving.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(MissingExtraError, match=r"fastapi: pip install 'fsl-nlp\[serve\]'"):
        serve(ServerSettings((Path("bot"),)))
