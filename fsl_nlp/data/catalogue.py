"""The datasets that have a name: samples that come with the project, and public corpora."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from fsl_nlp.data.entries import CATALOGUE as CATALOGUE
from fsl_nlp.data.entries import Entry as Entry
from fsl_nlp.errors import DataError, did_you_mean

DATA_VARIABLE = "FSL_NLP_DATA"
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Status:
    """An entry, the folder where it was looked for, and the splits that are there."""

    entry: Entry
    folder: Path | None  # None: no root is known to look in
    splits: tuple[str, ...]

    @property
    def available(self) -> bool:
        return bool(self.splits)


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
    if entry.needs_split and not colon:
        raise DataError(
            f"{base} has several splits and none is the default. Say which, as in "
            f"{base}:{next(iter(entry.splits))}. Its splits are: {', '.join(entry.splits)}."
        )
    split = split if colon else next(iter(entry.splits))
    check_split(entry, split)
    root, file = root_of(entry, data_dir), entry.splits[split]
    if root is None or not (root / file).is_file():
        raise DataError(_missing(entry, split, root))
    return entry, root / file


def find_entry(name: str) -> Entry:
    """The entry of that name, or a DataError that names those there are."""
    if name not in CATALOGUE:
        raise DataError(
            f'There is no dataset "{name}" in the catalogue.{suggest_dataset(name)} '
            f"The catalogue holds: {', '.join(CATALOGUE)}."
        )
    return CATALOGUE[name]


def check_split(entry: Entry, split: str) -> None:
    if split not in entry.splits:
        raise DataError(
            f'{entry.name} has no split "{split}".{did_you_mean(split, entry.splits)} '
            f"Its splits are: {', '.join(entry.splits)}."
        )


def root_of(entry: Entry, data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder that the entry's files are relative to."""
    return datasets_folder() if entry.kind == "sample" else data_folder(data_dir)


def suggest_dataset(name: str) -> str:
    """The sentence that suggests the names of the catalogue nearest to a mistyped one.

    >>> suggest_dataset("bankng77:test")
    ' Did you mean banking77?'
    """
    return did_you_mean(name.partition(":")[0], CATALOGUE)


def _status(entry: Entry, data_dir: str | os.PathLike[str] | None) -> Status:
    root = root_of(entry, data_dir)
    if root is None:
        return Status(entry, None, ())
    here = tuple(split for split, file in entry.splits.items() if (root / file).is_file())
    return Status(entry, root / entry.folder, here)


def _missing(entry: Entry, split: str, root: Path | None) -> str:
    file = entry.splits[split]
    if entry.kind == "sample":
        looked = f" (looked for {root / file})" if root else ""
        return f"{entry.name}: this sample is not installed with this copy of fsl_nlp{looked}."
    looked = f"there is no {root / file}" if root else "no data folder is set"
    folder = shlex.quote(str(root)) if root else "FOLDER"
    fetch = f"fsl-nlp data get {entry.name} --split {split} --data-dir {folder}"
    return (
        f"{entry.name} is not here: {looked}. Set {DATA_VARIABLE} to the folder that holds "
        f"{file}, or pass it as data_dir; "
        + (f"to download it: {fetch}" if entry.download else f"its source is {entry.source}")
    )
