"""The datasets that have a name: samples that come with the project, and public corpora.

Another package adds one by an entry point in the group `fsl_nlp.corpora`.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from fsl_nlp.data.entries import CATALOGUE as CATALOGUE
from fsl_nlp.data.entries import Entry as Entry
from fsl_nlp.errors import DataError, did_you_mean
from fsl_nlp.plugins import Registry

DATA_VARIABLE = "FSL_NLP_DATA"
_PACKAGE = Path(__file__).resolve().parents[1]


def _unmet_requirement(name: str, loaded: object) -> str | None:
    if not isinstance(loaded, Entry):
        return "is no fsl_nlp.data.Entry"
    return None if loaded.name == name else f"has another name, {loaded.name!r}"


REGISTRY = Registry(CATALOGUE, "fsl_nlp.corpora", check=_unmet_requirement)


@dataclass(frozen=True)
class Status:
    """An entry, the folder where it was looked for, and the splits that are there."""

    entry: Entry
    folder: Path | None  # None: no root is known to look in
    splits: tuple[str, ...]

    @property
    def available(self) -> bool:
        """Whether at least one split is there."""
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
    return [_status(entry, data_dir) for _, entry in REGISTRY.items()]


def find_split(
    name: str, data_dir: str | os.PathLike[str] | None = None
) -> tuple[Entry, Path] | None:
    """The entry and the file of "name" or "name:split"; None if the catalogue has no such name."""
    base, colon, split = name.partition(":")
    if base not in REGISTRY:
        return None
    entry: Entry = REGISTRY.load(base)
    return entry, split_file(entry, split if colon else None, data_dir)


def split_file(
    entry: Entry, split: str | None = None, data_dir: str | os.PathLike[str] | None = None
) -> Path:
    """The file of a split; without a name, of the default one."""
    if entry.needs_split and split is None:
        raise DataError(
            f"{entry.name} has several splits and none is the default. Say which, as in "
            f"{entry.name}:{next(iter(entry.splits))}. Its splits are: {', '.join(entry.splits)}."
        )
    split = next(iter(entry.splits)) if split is None else split
    check_split(entry, split)
    root, file = root_of(entry, data_dir), entry.splits[split]
    if root is None or not (root / file).is_file():
        raise DataError(_missing(entry, split, root))
    return root / file


def with_split(name: str) -> str | None:
    """A name of the catalogue with its split; None if the catalogue has no such name.

    >>> with_split("support_en"), with_split("support_en:test"), with_split("train.csv")
    ('support_en:train', 'support_en:test', None)
    """
    base, _, split = name.partition(":")
    if base not in REGISTRY:
        return None
    return f"{base}:{split or next(iter(REGISTRY.load(base).splits))}"


def find_entry(name: str) -> Entry:
    """The entry of that name, or a DataError that names those there are."""
    if name not in REGISTRY:
        raise DataError(
            f'There is no dataset "{name}" in the catalogue.{suggest_dataset(name)} '
            "`fsl-nlp data list` lists all."
        )
    entry: Entry = REGISTRY.load(name)
    return entry


def check_split(entry: Entry, split: str) -> None:
    """Refuse a split that the entry does not have."""
    if split not in entry.splits:
        raise DataError(
            f'{entry.name} has no split "{split}".{did_you_mean(split, entry.splits)} '
            f"Its splits are: {', '.join(entry.splits)}."
        )


def root_of(entry: Entry, data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder that the entry's files are relative to."""
    if entry.root:
        return Path(entry.root)
    return datasets_folder() if entry.kind == "sample" else data_folder(data_dir)


def suggest_dataset(name: str) -> str:
    """The sentence that suggests the names nearest to a mistyped one; if none is near, all names.

    >>> suggest_dataset("bankng77:test")
    ' Did you mean banking77?'
    """
    return REGISTRY.suggest(name.partition(":")[0])


def _status(entry: Entry, data_dir: str | os.PathLike[str] | None) -> Status:
    root = root_of(entry, data_dir)
    if root is None:
        return Status(entry, None, ())
    here = tuple(split for split, file in entry.splits.items() if (root / file).is_file())
    return Status(entry, root / entry.folder, here)


def _missing(entry: Entry, split: str, root: Path | None) -> str:
    file = entry.splits[split]
    if entry.root:
        return (
            f"{entry.name} is not here: there is no {Path(entry.root) / file}. "
            "Install the package again that brings it."
        )
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
