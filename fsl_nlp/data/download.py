"""Fetches the files of public corpora. No other module of the data package uses the network."""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_nlp.data.catalogue import DATA_VARIABLE, Entry, check_split, find_entry, root_of
from fsl_nlp.data.checksums import check_file
from fsl_nlp.errors import DataError
from fsl_nlp.folders import write_atomically
from fsl_nlp.progress import track

if TYPE_CHECKING:
    from fsl_nlp.data.entries import Download

_BLOCK = 1 << 16  # bytes
_TIMEOUT = 30  # seconds without a byte
_EXAMPLE_LINE = '{"text": "...", "label": "..."}'
_ATTEMPTS = 3  # each continues where the last one broke off


@dataclass(frozen=True)
class Fetched:
    """A file that is now in the data folder; `urls` is empty if it was there before."""

    path: Path
    urls: tuple[str, ...]
    verified: bool  # False: no checksum is published


def fetch_dataset(
    name: str,
    *,
    split: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    report: Callable[[Fetched], object] = lambda _: None,
) -> list[Fetched]:
    """Download the missing files of a dataset, or of one split, from where it is published.

    `report` is called with each file as soon as it is complete.

    >>> fetch_dataset("support_en")
    Traceback (most recent call last):
    fsl_nlp.errors.DataError: support_en comes with fsl_nlp: there is nothing to download.
    """
    entry = find_entry(name)
    if split is not None:
        check_split(entry, split)
    root = root_of(entry, data_dir)
    if entry.kind == "sample":
        raise DataError(f"{name} comes with fsl_nlp: there is nothing to download.")
    if root is None:
        raise DataError(
            f"{name}: say where to put it, with --data-dir FOLDER (data_dir) or {DATA_VARIABLE}."
        )
    if entry.download is None:
        raise DataError(_no_download(entry, root))
    fetched = []
    for file in entry.files(split):
        fetched.append(_fetch_file(entry, entry.download, file, root))
        report(fetched[-1])
    return fetched


def _fetch_file(entry: Entry, download: Download, file: str, root: Path) -> Fetched:
    path, digest, urls = root / file, entry.sums.get(file), download.urls(file)
    state = check_file(path, digest)
    if state == "differs":
        raise DataError(
            f"{path} is not the published file: its sum is not {digest}. "
            "Move it away to download it again."
        )
    if state != "missing":
        return Fetched(path, (), verified=digest is not None)
    steps, most = _manual_steps(urls, path), download.most_bytes
    parts = [_fetch(url, _part_path(path, url), steps, most) for url in urls]
    joined = path.with_name(f"{path.name}.joined")
    try:
        ready = parts[0] if len(parts) == 1 else _join_lines(parts, joined)
        if digest and check_file(ready, digest) != "ok":
            raise ValueError(f"its sum is not {digest}")
        os.replace(ready, path)
    except ValueError as error:
        raise DataError(
            f"What came from {' and '.join(urls)} is not the published file: {error}. "
            f"Nothing was kept. The source may have changed; see {entry.source}."
        ) from None
    finally:
        for leftover in (*parts, joined):
            leftover.unlink(missing_ok=True)
    return Fetched(path, tuple(urls), verified=digest is not None)


def _part_path(path: Path, url: str) -> Path:
    """The file of an unfinished download, which the next call continues."""
    return path.with_name(f"{path.name}.{url.rpartition('/')[2]}.part")


def _fetch(url: str, part: Path, manual_steps: str, most: int) -> Path:
    reason = "the connection broke off"
    for _ in range(_ATTEMPTS):
        try:
            if _resume(url, part, most):
                return part
        except urllib.error.HTTPError as error:
            reason = f"the server answers {error.code} {error.reason}"
            if error.code < 500:
                break
        except urllib.error.URLError as error:  # no connection at all
            reason = str(error.reason)
            break
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
    kept = (
        " The downloaded part is kept: run the same command to continue." if part.exists() else ""
    )
    raise DataError(f"{url} could not be downloaded ({reason}).{kept} {manual_steps}")


def _resume(url: str, part: Path, most: int) -> bool:
    """Append the missing bytes to `part`; True if the file is complete.

    A file of more than `most` bytes is refused, and nothing of it is kept: it could fill the disk.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    received = part.stat().st_size if part.exists() else 0
    # Compressed content would have other offsets than the file.
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})
    if received:
        request.add_header("Range", f"bytes={received}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{received}":
            return True
        part.unlink()  # longer than the file, so not the beginning of it
        return False
    with response:
        if received and not _starts_at(response, received):
            received = 0
        length = response.headers.get("Content-Length")
        total = None if length is None else received + int(length)
        if (total or 0) > most:
            raise _too_large(url, part, most)
        title = url.rpartition("/")[2]
        with part.open("ab" if received else "wb") as file, track(total or 0, title) as advance:
            while block := response.read(_BLOCK):
                file.write(block)
                received += len(block)
                if received > most:
                    raise _too_large(url, part, most)
                advance(len(block))
            file.flush()
            os.fsync(file.fileno())
    return total is None or received == total


def _too_large(url: str, part: Path, most: int) -> DataError:
    part.unlink(missing_ok=True)
    return DataError(
        f"{url} sends more than {most:,} bytes, which is not the published file. "
        "Nothing was kept. The source may have changed."
    )


def _starts_at(response: http.client.HTTPResponse, offset: int) -> bool:
    """Whether the server sends the rest from `offset`; some send the whole file each time."""
    start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status == 206 and start is not None and int(start[1]) == offset


def _join_lines(parts: Iterable[Path], target: Path) -> Path:
    """Write texts and labels, one a line each, as JSON lines; a ValueError if counts differ."""
    texts, labels = (part.read_text("utf-8").rstrip("\n").split("\n") for part in parts)
    if len(texts) != len(labels):
        raise ValueError(f"it has {len(texts)} texts and {len(labels)} labels")
    pairs = zip(texts, labels, strict=True)
    rows = ({"text": text.strip(), "label": label.strip()} for text, label in pairs)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(target, "".join(lines))
    return target


def _manual_steps(urls: Sequence[str], path: Path) -> str:
    if len(urls) == 1:
        return f"To do it by hand, fetch that address and save it as {path}."
    return (
        f"To do it by hand, fetch {' and '.join(urls)}, and save their lines as {path}, "
        f"a line for each pair: {_EXAMPLE_LINE}"
    )


def _no_download(entry: Entry, root: Path) -> str:
    return (
        f"{entry.name} cannot be downloaded in the format that is read here. Its source is "
        f"{entry.source}: put it into {root / entry.folder} as "
        f"{', '.join(file.rpartition('/')[2] for file in entry.splits.values())}, each line "
        f"{_EXAMPLE_LINE}"
    )
