"""Bytes to text: UTF-8, or one of the other encodings that office programs write."""

from __future__ import annotations

import codecs

from fsl_nlp.errors import DataError


def decode(data: bytes, source: str) -> tuple[str, str | None]:
    """The text of a file, and the name of its encoding if that is not UTF-8.

    >>> decode("查询物流".encode(), "a.csv")
    ('查询物流', None)
    >>> decode("查询物流".encode("gb18030"), "a.csv")
    ('查询物流', 'GB18030')
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError as error:
            raise _undecodable(data, error.start, source, "UTF-16") from None
    if b"\0" in data[:4]:  # ASCII in UTF-16 passes for UTF-8 with a NUL beside every letter
        raise DataError(
            f"{source} seems to be binary, or UTF-16 without a byte order mark. "
            "Save it as UTF-8 text."
        )
    try:
        return data.decode("utf-8").removeprefix("\ufeff"), None
    except UnicodeDecodeError as error:
        text = _as_gb18030(data)
        if text is None:
            raise _undecodable(data, error.start, source, "UTF-8") from None
        return text, "GB18030"


def _as_gb18030(data: bytes) -> str | None:
    """The text if it is Chinese, else None. GB18030 decodes much Latin-1 text too."""
    try:
        text = data.decode("gb18030").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    # A few broken bytes in a UTF-8 file must not turn all of it into wrong characters.
    as_utf8 = [char for char in data.decode("utf-8", "replace") if char > "\x7f"]
    if 2 * as_utf8.count("\ufffd") <= len(as_utf8):
        return None
    # Most characters of Chinese text, traditional too, are in the older GB2312. Those of Latin-1 or
    # Japanese text that is read as GB18030 are not.
    non_ascii = "".join(char for char in text if char > "\x7f")
    common = non_ascii.encode("gb2312", "ignore").decode("gb2312")
    return text if 2 * len(common) > len(non_ascii) else None


def _undecodable(data: bytes, offset: int, source: str, encoding: str) -> DataError:
    line = data[:offset].count(b"\n") + 1
    return DataError(
        f"{source}: the byte at offset {offset} (line {line}) is not {encoding}, "
        "and no other encoding is recognised. Save it as UTF-8."
    )
