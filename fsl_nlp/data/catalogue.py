"""The datasets that have a name: samples that come with the project, and public corpora.

To add one, add an entry to `CATALOGUE`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from fsl_nlp.errors import DataError

DATA_VARIABLE = "FSL_NLP_DATA"
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Entry:
    """What is known of a dataset without opening it."""

    name: str
    description: str
    language: str
    kind: Literal["sample", "corpus"]  # shipped with the project, or under the data folder
    splits: Mapping[str, str]  # name -> file, relative to that root; the first is the default
    licence: str | None = None

    @property
    def folder(self) -> str:
        """Where the files lie, relative to the root."""
        return next(iter(self.splits.values())).rpartition("/")[0]


@dataclass(frozen=True)
class Status:
    """An entry, the folder where it was looked for, and the splits that are there."""

    entry: Entry
    folder: Path | None  # None: no root is known to look in
    splits: tuple[str, ...]

    @property
    def available(self) -> bool:
        return bool(self.splits)


def _files(folder: str, splits: str, suffix: str) -> dict[str, str]:
    return {split: f"{folder}/{split}{suffix}" for split in splits.split()}


CATALOGUE: dict[str, Entry] = {
    "support_en": Entry(
        name="support_en",
        description="questions to a web shop's customer support",
        language="en",
        kind="sample",
        splits=_files("samples/support_en", "train test out_of_scope", ".csv"),
    ),
    "support_zh": Entry(
        name="support_zh",
        description="questions to a web shop's customer support, in Chinese",
        language="zh",
        kind="sample",
        splits=_files("samples/support_zh", "train test out_of_scope", ".csv"),
    ),
    "banking77": Entry(
        name="banking77",
        description="questions to a bank, 77 intents that lie close together",
        language="en",
        kind="corpus",
        splits=_files("intents/banking77", "train train_5 train_10 valid test", ".jsonl"),
        licence="CC-BY-4.0",
    ),
    "clinc150": Entry(
        name="clinc150",
        description="requests to an assistant, 150 intents, with out-of-scope questions",
        language="en",
        kind="corpus",
        splits=_files(
            "intents/clinc150",
            "train train_5 train_10 valid test oos_train oos_valid oos_test",
            ".jsonl",
        ),
        licence="CC-BY-3.0",
    ),
    "smp2017": Entry(
        name="smp2017",
        description="requests to an assistant, 31 domains",
        language="zh",
        kind="corpus",
        splits=_files("intents/smp2017", "train develop test", ".jsonl"),
        licence="see source",
    ),
}


def datasets_folder() -> Path | None:
    """The folder of the shipped data: inside an installed package, else in the repository."""
    for folder in (_PACKAGE / "_datasets", _PACKAGE.parent / "datasets"):
        # Beside an installed package, `datasets` is the library of that name: it has no samples.
        if (folder / "samples").is_dir():
            return folder
    return None


def data_folder(data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder of the public corpora: the argument, else the environment variable."""
    chosen = data_dir or os.environ.get(DATA_VARIABLE)
    return Path(chosen).expanduser() if chosen else None


def list_datasets(data_dir: str | os.PathLike[str] | None = None) -> list[Status]:
    """Every entry of the catalogue, and whether it is here.

    >>> [status.entry.name for status in list_datasets()][:3]
    ['support_en', 'support_zh', 'banking77']
    """
    return [_status(entry, data_dir) for entry in CATALOGUE.values()]


def find_split(
    name: str, data_dir: str | os.PathLike[str] | None = None
) -> tuple[Entry, Path] | None:
    """The entry and the file of "name" or "name:split"; None if the catalogue has no such name."""
    base, colon, split = name.partition(":")
    entry = CATALOGUE.get(base)
    if entry is None:
        return None
    split = split if colon else next(iter(entry.splits))
    if split not in entry.splits:
        raise DataError(
            f'{base} has no split "{split}". Its splits are: {", ".join(entry.splits)}.'
        )
    root, file = _root(entry, data_dir), entry.splits[split]
    if root is None or not (root / file).is_file():
        raise DataError(_missing(entry, file, root))
    return entry, root / file


def close_names(name: str) -> list[str]:
    """Names of the catalogue that may have been meant.

    >>> close_names("bankng77:test")
    ['banking77']
    """
    return get_close_matches(name.partition(":")[0].lower(), CATALOGUE)


def _status(entry: Entry, data_dir: str | os.PathLike[str] | None) -> Status:
    root = _root(entry, data_dir)
    if root is None:
        return Status(entry, None, ())
    here = tuple(split for split, file in entry.splits.items() if (root / file).is_file())
    return Status(entry, root / entry.folder, here)


def _root(entry: Entry, data_dir: str | os.PathLike[str] | None) -> Path | None:
    return datasets_folder() if entry.kind == "sample" else data_folder(data_dir)


def _missing(entry: Entry, file: str, root: Path | None) -> str:
    if entry.kind == "sample":
        looked = f" (looked for {root / file})" if root else ""
        return f"{entry.name}: this sample is not installed with this copy of fsl_nlp{looked}."
    looked = f"there is no {root / file}" if root else "no data folder is set"
    return (
        f"{entry.name} is not here: {looked}. Set {DATA_VARIABLE} to the folder that holds "
        f"{file}, or pass it as data_dir."
    )
