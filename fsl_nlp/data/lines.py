"""Reads texts, one a line, when they are needed: a file may be larger than the memory."""

from __future__ import annotations

import codecs
import io
import warnings
from collections.abc import Iterator

from fsl_nlp.data.encoding import decode
from fsl_nlp.errors import DataError
from fsl_nlp.reading import MOST_IN_A_LINE, read_rest

_START = 1 << 20  # bytes from which the encoding is detected


def stream_lines(file: io.BufferedIOBase, source: str) -> Iterator[str]:
    r"""The lines without their ends; only \n and \r\n end a line, not U+2028.

    UTF-8 is read line by line. A file in another encoding is read whole.

    >>> list(stream_lines(io.BytesIO(b"where is it\nsend it back\n"), "stdin"))
    ['where is it', 'send it back']
    """
    start = file.read1(_START)  # what a pipe has by now, without waiting
    if start and not start.endswith(b"\n"):
        start += _line(file, source, 1)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        start += read_rest(file, source)  # cannot be split at the byte of a line end
    if not start:
        warnings.warn(f"{source} is empty, so there is nothing to label.", stacklevel=2)
        return
    text, encoding = decode(start, source)
    if encoding:
        warnings.warn(f"{source} is not UTF-8: it was read as {encoding}.", stacklevel=2)
        text, _ = decode(start + read_rest(file, source), source)
    lines = text.split("\n")
    last = lines.pop()
    number = len(lines)
    yield from (line.removesuffix("\r") for line in lines)
    if last:
        yield last.removesuffix("\r")
    if encoding:
        return
    while line := _line(file, source, number + 1):
        number += 1
        try:
            yield line.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise DataError(
                f"{source}: line {number} is not UTF-8, but the lines above it are. Save the file "
                "as UTF-8."
            ) from None


def _line(file: io.BufferedIOBase, source: str, number: int) -> bytes:
    line = file.readline(MOST_IN_A_LINE)
    if len(line) == MOST_IN_A_LINE:
        raise DataError(
            f"{source}: the text in line {number} has more than {MOST_IN_A_LINE >> 20} MB. "
            "Is it a file of texts, one a line?"
        )
    return line
