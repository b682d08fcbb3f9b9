"""Compares the files of a dataset with the published checksums."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fsl_nlp.data.catalogue import DATA_VARIABLE, check_split, find_entry, root_of
from fsl_nlp.errors import DataError

_BLOCK = 1 << 20  # bytes
State = Literal["ok", "differs", "missing", "no sum"]


@dataclass(frozen=True)
class FileCheck:
    """A file of a dataset and its state. "no sum": the file is there, no checksum is published."""

    split: str | None  # None: a file that belongs to all splits
    path: Path
    state: State


def check_dataset(
    name: str, *, split: str | None = None, data_dir: str | os.PathLike[str] | None = None
) -> list[FileCheck]:
    """Compare every file of the dataset, or of one split, with its published checksum.

    >>> {check.state for check in check_dataset("support_en")}
    {'no sum'}
    """
    entry = find_entry(name)
    if split is not None:
        check_split(entry, split)
    root = root_of(entry, data_dir)
    if root is None:
        raise DataError(
            f"{name}: no data folder is set. Pass --data-dir FOLDER (data_dir), or set "
            f"{DATA_VARIABLE}."
        )
    splits = {file: name for name, file in entry.splits.items()}
    return [
        FileCheck(splits.get(file), root / file, check_file(root / file, entry.sums.get(file)))
        for file in entry.files(split)
    ]


def check_file(path: Path, digest: str | None) -> State:
    """Compare a file with an md5 (32 hex digits) or sha256."""
    if not path.is_file():
        return "missing"
    if digest is None:
        return "no sum"
    # md5 guards against accidents only, but some files have no other published checksum.
    algorithm = "md5" if len(digest) == 32 else "sha256"
    actual = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            actual.update(block)
    return "ok" if actual.hexdigest() == digest else "differs"
