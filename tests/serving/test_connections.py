"""Slow, silent and large clients, over real connections on loopback."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from fsl_nlp.serving.connections import allow_files, counts

from .small_app import serving, small_app

T = TypeVar("T")
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LIMITS: dict[str, Any] = {"head_timeout": 0.3, "body_timeout": 0.3, "keep_alive": 0.5, "timeout": 5}


@contextmanager
def connected(port: int, *, window: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as client:
        if window:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        client.settimeout(5)
        client.connect(("127.0.0.1", port))
        yield client


def answer(client: socket.socket) -> tuple[int, Any]:
    """The status of one answer, and its JSON."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive(client, 1)
    lines = dict(line.lower().split(b": ", 1) for line in head.splitlines()[1:-1])
    return int(head.split()[1]), json.loads(receive(client, int(lines[b"content-length"])))


def receive(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = client.recv(count - len(data))
        assert part, f"closed after {data!r}"
        data += part
    return data


def is_closed(client: socket.socket, within: float = 2.0) -> bool:
    """Whether the server closes the connection in time."""
    client.settimeout(within)
    with suppress(ConnectionError):
        try:
            while client.recv(65536):
                pass
        except TimeoutError:
            return False
    return True


def send_until_closed(client: socket.socket, data: bytes, *, pause: float) -> None:
    with suppress(ConnectionError):
        for _ in range(100):
            client.sendall(data)
            time.sleep(pause)
        pytest.fail("the connection stays open")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(small_app(**LIMITS)) as port:
        yield port


@pytest.mark.parametrize("sent", [b"", b"GET /hea", b"\r\n", GET[:-2]])
def test_a_head_must_come_in_time(port: int, sent: bytes) -> None:
    with connected(port) as client:
        client.sendall(sent)
        assert is_closed(client)


@pytest.mark.parametrize("drop", [b"x", b"\r\n"])
@pytest.mark.parametrize("first", [b"", GET])
def test_a_head_that_trickles_is_cut_off(port: int, first: bytes, drop: bytes) -> None:
    with connected(port) as client:
        client.sendall(first)
        if first:
            assert answer(client)[0] == 200
        start = time.monotonic()
        send_until_closed(client, drop, pause=0.03)
        assert time.monotonic() - start < 2


def test_a_connection_may_wait_between_requests(port: int) -> None:
    with connected(port) as client:
        for _ in range(3):
            client.sendall(GET)
            assert answer(client) == (200, {"status": "ok"})
            time.sleep(0.35)  # longer than a head may take
        assert is_closed(client)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 100_000,
        b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000,
        GET[:-2] + b"a: b\r\n" * 9000,
    ],
)
def test_a_head_has_a_limit(port: int, head: bytes) -> None:
    with connected(port) as client:
        with suppress(ConnectionError):  # it may be closed before everything is sent
            client.sendall(head)
        with suppress(ConnectionError):
            assert answer(client)[0] == 431
        assert is_closed(client)


def test_what_is_not_http_gets_an_error_of_the_usual_form(port: int) -> None:
    for sent in (
        b"\x16\x03\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ):
        with connected(port) as client:
            client.sendall(sent)
            status, body = answer(client)
            assert (status, body["error_type"]) == (400, "bad_request")
            assert is_closed(client)


def test_a_slow_body_gets_408(port: int) -> None:
    with connected(port) as client:
        client.sendall(POST + b'Content-Length: 20\r\n\r\n{"text"')
        status, body = answer(client)
        assert (status, body["error_type"]) == (408, "slow_body")
        assert is_closed(client)


def test_a_body_that_trickles_ends_with_the_time_of_a_request() -> None:
    with serving(small_app(**LIMITS | {"timeout": 0.6})) as port, connected(port) as client:
        client.sendall(POST + b"Content-Length: 1000\r\n\r\n")
        start = time.monotonic()
        send_until_closed(client, b" ", pause=0.05)
        assert time.monotonic() - start < 2


def test_a_large_body_is_refused_before_it_is_read(port: int) -> None:
    with connected(port) as client:
        client.sendall(POST + b"Content-Length: 100000000\r\n\r\n")
        assert answer(client)[0] == 413
        # What is on its way is read and dropped for a while, so that the client can see why.
        send_until_closed(client, b"x" * 10_000, pause=0.02)


def test_chunks_are_counted(port: int) -> None:
    with connected(port) as client:
        client.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(17):  # of 64 KiB; 16 are allowed
            client.sendall(chunk)
        assert answer(client)[0] == 413


def test_after_a_refused_body_the_next_request_is_read_aright(port: int) -> None:
    with connected(port) as client:
        body = b"x" * (2 << 20)
        client.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body + GET)
        assert answer(client)[0] == 413
        assert answer(client) == (200, {"status": "ok"})


def test_requests_in_one_packet_are_answered_in_order(port: int) -> None:
    with connected(port) as client:
        body = b'{"text": "%s"}'
        requests = b""
        for length in (1, 2, 3):
            text = body % (b"x" * length)
            requests += POST + b"Content-Length: %d\r\n\r\n" % len(text) + text
        client.sendall(requests)
        assert [answer(client)[1]["length"] for _ in range(3)] == [1, 2, 3]


def test_a_client_that_does_not_read_is_cut_off(port: int) -> None:
    with connected(port, window=4096) as client:
        client.sendall(b"GET /v1/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(1.0)
        read = 0
        with suppress(ConnectionError):
            while part := client.recv(1 << 20):
                read += len(part)
        assert read < 16 << 20


def test_an_answer_that_fails_midway_is_cut_off(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"GET /v1/half HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert is_closed(client)


def in_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Its result. A thread of its own: this one may have the event loop of a browser's tests."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


async def _idle(port: int, count: int) -> list[asyncio.StreamWriter]:
    """Connections that send nothing, or a part of a head."""
    writers = []
    for index in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET[: index % 20])
        writers.append(writer)
    return writers


async def _get(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET)
    status = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    return status.startswith(b"HTTP/1.1 200")


def test_idle_connections_make_room_for_those_that_ask() -> None:
    async def flood(port: int) -> tuple[int, int]:
        before = counts.displaced
        writers, answered = [], 0
        for _ in range(10):
            writers += await _idle(port, 50)
            answered += await _get(port)
        largest = len(counts.waiting)
        for writer in writers:
            writer.close()
        assert counts.displaced - before >= 450
        return answered, largest

    with serving(small_app(connections=40, head_timeout=30)) as port:
        assert in_loop(flood(port)) == (10, 40)


def test_requests_at_work_are_not_displaced_and_a_full_server_says_so() -> None:
    sleep = b"GET /v1/bots/shop/sleep?seconds=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(small_app(connections=2)) as port, connected(port) as a, connected(port) as b:
        a.sendall(sleep)
        b.sendall(sleep)
        time.sleep(0.2)
        before = counts.refused
        with connected(port) as third:
            status, body = answer(third)
            assert (status, body["error_type"]) == (503, "unavailable")
            assert is_closed(third)
        assert counts.refused == before + 1
        assert answer(a) == answer(b) == (200, "shop")
        with connected(port) as third:  # there is room again: `a` waits
            third.sendall(GET)
            assert answer(third)[0] == 200


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_limit_of_open_files_is_raised_or_respected() -> None:
    import resource

    soft, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
        assert allow_files(10) == 10
        assert allow_files(1000) == min(1000, hard - 256)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(1256, hard)
        if hard != resource.RLIM_INFINITY:
            assert allow_files(hard) == hard - 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit of files")
def test_ten_thousand_idle_connections_do_not_stop_answers(
    saved_bots: dict[str, Path],
) -> None:
    """A real server with its usual limits; each tenth connection is followed by a question."""
    import resource

    import psutil

    _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11_000:
        pytest.skip("this process may not open 10,000 connections")

    async def flood(port: int, server: psutil.Process) -> tuple[int, int, float]:
        writers, answered, files, slowest = [], 0, 0, 0.0
        for _ in range(100):
            writers += await _idle(port, 100)
            start = time.perf_counter()
            answered += await _get(port)
            slowest = max(slowest, time.perf_counter() - start)
            files = max(files, server.num_fds())
        for writer in writers:
            writer.close()
        return answered, files, slowest

    resource.setrlimit(resource.RLIMIT_NOFILE, (11_000, hard))
    try:
        with served_by_command(saved_bots["shop"]) as (port, process):
            answered, files, slowest = in_loop(flood(port, psutil.Process(process.pid)))
            numbers = httpx.get(f"http://127.0.0.1:{port}/metrics").text
            displaced = re.search(r'connections_closed_total{how="displaced"} (\d+)', numbers)
            assert displaced
            assert int(displaced[1]) > 8000
            assert answered == 100
            assert files < 1300
            assert slowest < 5
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def served_by_command(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`fsl-nlp serve` in a process of its own, with few files allowed at first."""
    import resource

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "from fsl_nlp.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", str(folder), "--port", str(port)]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    process = subprocess.Popen(
        command,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard)),
    )
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port, process
    finally:
        process.terminate()
        process.wait(30)
