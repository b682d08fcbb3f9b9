"""Downloads, from a server on this machine that can break off, refuse and lie."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fsl_nlp.data import CATALOGUE, Entry, check_dataset, fetch_dataset, load_dataset
from fsl_nlp.data.entries import Download
from fsl_nlp.errors import DataError

CONTENT = "".join(f'{{"text": "text {n}", "label": "{n % 3}"}}\n' for n in range(9000)).encode()


class Server(ThreadingHTTPServer):
    """Serves `files`; the other attributes say how badly."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.breaks = 0  # connections that break off after `keep` bytes
        self.keep = 100_000
        self.failures = 0  # answers of 503 before it works
        self.ranges = True
        self.requests: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        byte_range = self.headers.get("Range")
        self.server.requests.append((self.path, byte_range))
        content = self.server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        if self.server.failures:
            self.server.failures -= 1
            return self.send_error(503)
        start = int(byte_range[len("bytes=") : -1]) if byte_range and self.server.ranges else 0
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if self.server.breaks:
            self.server.breaks -= 1
            rest = rest[: self.server.keep]
        self.wfile.write(rest)
        return None

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def toy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A corpus of one split, in the catalogue and on the server."""
    server.files["/data/all.jsonl"] = CONTENT
    entry = Entry(
        "toy",
        "made up",
        "en",
        "corpus",
        {"all": "toys/all.jsonl"},
        source="https://example.org/toy",
        download=Download(f"{server.url}/data/{{split}}.jsonl"),
        sums={"toys/all.jsonl": hashlib.sha256(CONTENT).hexdigest()},
    )
    monkeypatch.setitem(CATALOGUE, "toy", entry)
    return entry


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


@pytest.mark.usefixtures("toy")
def test_a_file_comes_whole_and_once(server, tmp_path):
    reported = []
    (fetched,) = fetch_dataset("toy", data_dir=tmp_path, report=reported.append)
    assert fetched.path.read_bytes() == CONTENT
    assert fetched.path == tmp_path / "toys/all.jsonl"
    assert fetched.urls == (f"{server.url}/data/all.jsonl",)
    assert fetched.verified
    assert reported == [fetched]
    assert files_in(tmp_path) == ["toys/all.jsonl"]
    assert len(load_dataset("toy", data_dir=tmp_path)) == 9000
    (again,) = fetch_dataset("toy", split="all", data_dir=tmp_path)
    assert again.urls == ()
    assert len(server.requests) == 1


@pytest.mark.usefixtures("toy")
def test_a_broken_connection_goes_on(server, tmp_path):
    server.breaks = 2
    (fetched,) = fetch_dataset("toy", data_dir=tmp_path)
    assert fetched.path.read_bytes() == CONTENT
    ranges = [byte_range for _, byte_range in server.requests]
    assert ranges == [None, "bytes=100000-", "bytes=200000-"]


@pytest.mark.usefixtures("toy")
def test_what_came_is_kept_for_the_next_call(server, tmp_path):
    server.breaks, server.keep = 3, 50_000
    with pytest.raises(DataError) as caught:
        fetch_dataset("toy", data_dir=tmp_path)
    message = str(caught.value)
    assert f"{server.url}/data/all.jsonl could not be downloaded (the connection" in message
    assert "The downloaded part is kept" in message
    assert f"save it as {tmp_path / 'toys/all.jsonl'}" in message
    (part,) = files_in(tmp_path)
    assert part.endswith(".part")
    assert (tmp_path / part).read_bytes() == CONTENT[:150_000]
    server.requests.clear()
    (fetched,) = fetch_dataset("toy", data_dir=tmp_path)
    assert server.requests == [("/data/all.jsonl", "bytes=150000-")]
    assert fetched.path.read_bytes() == CONTENT
    assert files_in(tmp_path) == ["toys/all.jsonl"]


@pytest.mark.usefixtures("toy")
def test_a_server_without_ranges(server, tmp_path):
    server.ranges, server.breaks = False, 1
    (fetched,) = fetch_dataset("toy", data_dir=tmp_path)
    assert fetched.path.read_bytes() == CONTENT
    assert [byte_range for _, byte_range in server.requests] == [None, "bytes=100000-"]


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("kept", [CONTENT, CONTENT + b"and more"])
def test_a_part_that_is_the_whole_or_too_long(tmp_path, kept):
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys/all.jsonl.all.jsonl.part").write_bytes(kept)
    (fetched,) = fetch_dataset("toy", data_dir=tmp_path)
    assert fetched.path.read_bytes() == CONTENT
    assert files_in(tmp_path) == ["toys/all.jsonl"]


@pytest.mark.usefixtures("toy")
def test_a_server_that_recovers(server, tmp_path):
    server.failures = 2
    assert fetch_dataset("toy", data_dir=tmp_path)[0].verified
    assert len(server.requests) == 3


def test_another_file_than_the_published_one(server, toy, tmp_path):
    server.files["/data/all.jsonl"] = CONTENT.replace(b"text 7", b"text 8")
    with pytest.raises(DataError) as caught:
        fetch_dataset("toy", data_dir=tmp_path)
    message = str(caught.value)
    assert f"its sum is not {toy.sums['toys/all.jsonl']}" in message
    assert "Nothing was kept" in message
    assert "see https://example.org/toy" in message
    assert files_in(tmp_path) == []


@pytest.mark.usefixtures("toy")
def test_a_part_of_another_file_is_not_kept(tmp_path):
    """Or the same command would fail for ever."""
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys/all.jsonl.all.jsonl.part").write_bytes(b"something else")
    with pytest.raises(DataError, match="Nothing was kept"):
        fetch_dataset("toy", data_dir=tmp_path)
    assert fetch_dataset("toy", data_dir=tmp_path)[0].path.read_bytes() == CONTENT


@pytest.mark.usefixtures("toy")
def test_a_file_of_the_user_is_not_overwritten(server, tmp_path):
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys/all.jsonl").write_text("mine")
    with pytest.raises(DataError, match="Move it away to download it again"):
        fetch_dataset("toy", data_dir=tmp_path)
    assert (tmp_path / "toys/all.jsonl").read_text() == "mine"
    assert server.requests == []


def test_a_file_that_is_gone(server, toy, tmp_path):
    del server.files["/data/all.jsonl"]
    with pytest.raises(DataError, match="the server answers 404"):
        fetch_dataset("toy", data_dir=tmp_path)
    assert len(server.requests) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as nobody:
        port = nobody.server_address[1]  # closed again below: nothing listens there
    url = f"http://127.0.0.1:{port}/all.jsonl"
    entry = Entry(
        "toy", "", "en", "corpus", {"all": "toys/all.jsonl"}, download=Download(url), source="x"
    )
    monkeypatch.setitem(CATALOGUE, "toy", entry)
    with pytest.raises(DataError) as caught:
        fetch_dataset("toy", data_dir=tmp_path)
    assert f"{url} could not be downloaded" in str(caught.value)
    assert f"save it as {tmp_path / 'toys/all.jsonl'}" in str(caught.value)


@pytest.fixture
def lines(server: Server, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A corpus whose source keeps texts and labels apart."""
    server.files["/TOY/oos/test/seq.in"] = "wo ist er\nzurück damit\n".encode()
    server.files["/TOY/oos/test/label"] = b"track\nreturn\n"
    expected = (
        '{"text": "wo ist er", "label": "track"}\n{"text": "zurück damit", "label": "return"}\n'
    )
    entry = Entry(
        "toy",
        "made up",
        "de",
        "corpus",
        {"oos_test": "toys/oos_test.jsonl"},
        source="https://example.org/toy",
        download=Download(f"{server.url}/TOY/{{split}}", {"oos_test": "oos/test"}, parallel=True),
        sums={"toys/oos_test.jsonl": hashlib.md5(expected.encode()).hexdigest()},
    )
    monkeypatch.setitem(CATALOGUE, "toy", entry)
    return entry


@pytest.mark.usefixtures("lines")
def test_texts_and_labels_become_one_file(server, tmp_path):
    (fetched,) = fetch_dataset("toy", data_dir=tmp_path)
    assert fetched.urls == (f"{server.url}/TOY/oos/test/seq.in", f"{server.url}/TOY/oos/test/label")
    assert fetched.verified
    rows = [json.loads(line) for line in fetched.path.read_text("utf-8").splitlines()]
    assert rows[1] == {"text": "zurück damit", "label": "return"}
    assert files_in(tmp_path) == ["toys/oos_test.jsonl"]


@pytest.mark.usefixtures("lines")
def test_texts_and_labels_that_do_not_fit(server, tmp_path):
    label = server.files["/TOY/oos/test/label"]
    server.files["/TOY/oos/test/label"] = b"track\n"
    with pytest.raises(DataError, match="it has 2 texts and 1 labels"):
        fetch_dataset("toy", data_dir=tmp_path)
    server.files["/TOY/oos/test/label"] = b"\xff\n\xff\n"
    with pytest.raises(DataError, match="Nothing was kept"):
        fetch_dataset("toy", data_dir=tmp_path)
    del server.files["/TOY/oos/test/label"]
    with pytest.raises(DataError, match="a line for each pair"):
        fetch_dataset("toy", data_dir=tmp_path)
    server.files["/TOY/oos/test/label"] = label
    assert fetch_dataset("toy", data_dir=tmp_path)[0].verified


def test_what_cannot_be_fetched(tmp_path, monkeypatch):
    monkeypatch.delenv("FSL_NLP_DATA", raising=False)
    for name, options, message in (
        ("support_en", {"data_dir": tmp_path}, "comes with fsl_nlp: there is nothing to download"),
        ("smp2017", {"data_dir": tmp_path}, "Its source is https://github.com/HITlilingzhi/"),
        ("fewrel", {}, "say where to put it, with --data-dir"),
        ("fewrl", {}, 'There is no dataset "fewrl" in the catalogue. Did you mean fewrel?'),
        ("fewrel", {"split": "train"}, 'fewrel has no split "train". Did you mean train_wiki?'),
    ):
        with pytest.raises(DataError) as caught:
            fetch_dataset(name, **options)
        assert message in str(caught.value)
    assert files_in(tmp_path) == []


def test_companions_come_with_every_split(server, monkeypatch, tmp_path):
    entry = Entry(
        "toy",
        "made up",
        "en",
        "corpus",
        {"a": "toys/a.json", "b": "toys/b.json"},
        companions=("toys/names.json",),
        download=Download(f"{server.url}/{{split}}.json"),
    )
    monkeypatch.setitem(CATALOGUE, "toy", entry)
    server.files.update({"/a.json": b"[1]", "/b.json": b"[2]", "/names.json": b"{}"})
    fetched = fetch_dataset("toy", split="b", data_dir=tmp_path)
    assert [file.path.name for file in fetched] == ["b.json", "names.json"]
    assert not any(file.verified for file in fetched)
    assert [check.state for check in check_dataset("toy", data_dir=tmp_path)] == [
        "missing",
        "no sum",
        "no sum",
    ]


class EndlessHandler(Handler):
    """Sends bytes for as long as the other side takes them."""

    def do_GET(self) -> None:
        self.send_response(200)
        if self.server.keep:
            self.send_header("Content-Length", str(self.server.keep))
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"0" * 65536)


@pytest.mark.parametrize("announced", [0, 10**12])
def test_a_download_without_end_stops_and_leaves_nothing(
    server: Server, toy: Entry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, announced: int
) -> None:
    server.RequestHandlerClass, server.keep = EndlessHandler, announced
    assert toy.download
    bounded = replace(toy, download=replace(toy.download, most_bytes=1_000_000))
    monkeypatch.setitem(CATALOGUE, "toy", bounded)
    with pytest.raises(DataError, match="sends more than 1,000,000 bytes"):
        fetch_dataset("toy", data_dir=tmp_path)
    assert files_in(tmp_path) == []
