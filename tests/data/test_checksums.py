"""Files compared with their published sums."""

from __future__ import annotations

import hashlib

import pytest

from fsl_nlp.data import CATALOGUE, Entry, check_dataset
from fsl_nlp.errors import DataError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder with a corpus of four splits, each in another state."""
    sums = {
        "toys/good.csv": hashlib.sha256(b"good").hexdigest(),
        "toys/old.csv": hashlib.md5(b"old").hexdigest(),
        "toys/bad.csv": hashlib.sha256(b"other").hexdigest(),
        "toys/gone.csv": hashlib.sha256(b"gone").hexdigest(),
    }
    splits = {split: f"toys/{split}.csv" for split in ("good", "old", "bad", "gone", "new")}
    entry = Entry("toy", "made up", "en", "corpus", splits, sums=sums)
    monkeypatch.setitem(CATALOGUE, "toy", entry)
    (tmp_path / "toys").mkdir()
    for split in ("good", "old", "bad", "new"):
        (tmp_path / f"toys/{split}.csv").write_text(split)
    return tmp_path


def test_states(folder):
    states = {check.split: check.state for check in check_dataset("toy", data_dir=folder)}
    expected = {"good": "ok", "old": "ok", "bad": "differs", "gone": "missing", "new": "no sum"}
    assert states == expected


def test_one_split(folder):
    (check,) = check_dataset("toy", split="bad", data_dir=folder)
    assert (check.split, check.state) == ("bad", "differs")
    assert check.path == folder / "toys/bad.csv"


def test_what_cannot_be_checked(monkeypatch):
    monkeypatch.delenv("FSL_NLP_DATA", raising=False)
    for name, options, message in (
        ("fewrel", {}, "fewrel: no data folder is set"),
        ("fewrel", {"split": "dev"}, 'has no split "dev"'),
        ("nothing", {}, 'There is no dataset "nothing"'),
    ):
        with pytest.raises(DataError, match=message):
            check_dataset(name, **options)
