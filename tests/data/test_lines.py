"""Texts one a line, as they come."""

from __future__ import annotations

import io
import warnings

import pytest

from fsl_nlp.data.lines import stream_lines
from fsl_nlp.errors import DataError


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\ntwo", ["one", "two"]),
        (b"\xef\xbb\xbfone\n\n three", ["one", "", " three"]),
        ("a\u2028b\x85c\n".encode(), ["a\u2028b\x85c"]),
        (b"\n", [""]),
    ],
)
def test_lines(content: bytes, expected: list[str]) -> None:
    assert list(stream_lines(io.BytesIO(content), "log.txt")) == expected


def test_a_long_file_is_read_as_it_is_needed() -> None:
    class Counted(io.BytesIO):
        taken = 0

        def readline(self, size: int | None = -1) -> bytes:
            self.taken += 1
            return super().readline(size)

    lines = [f"question number {i} 包裹" for i in range(200_000)]
    file = Counted("\n".join(lines).encode())
    stream = stream_lines(file, "log.txt")
    first = [next(stream) for _ in range(60_000)]
    assert first == lines[:60_000]
    assert 0 < file.taken < 60_000
    assert list(stream) == lines[60_000:]


def test_other_encodings_are_read_whole_and_named() -> None:
    text = "我的包裹到哪了\n" * 100_000
    for encoding, name in (("gb18030", "GB18030"), ("utf-16", "UTF-16")):
        with pytest.warns(UserWarning, match=f"log.txt is not UTF-8: it was read as {name}"):
            lines = list(stream_lines(io.BytesIO(text.encode(encoding)), "log.txt"))
        assert lines == text.split("\n")[:-1]


def test_a_broken_line_far_below_is_named() -> None:
    content = b"good line of text\n" * 100_000 + b"bad \xff line\n"
    with pytest.raises(DataError, match="line 100001 is not UTF-8"):
        list(stream_lines(io.BytesIO(content), "log.txt"))


def test_an_empty_file_is_said() -> None:
    with pytest.warns(UserWarning, match="log.txt is empty"):
        assert list(stream_lines(io.BytesIO(b""), "log.txt")) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(stream_lines(io.BytesIO(b"x"), "log.txt")) == ["x"]
