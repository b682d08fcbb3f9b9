"""`fsl-nlp data list`, `get` and `check`, as a user calls them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fsl_nlp.cli.app import app
from fsl_nlp.data import CATALOGUE, Entry
from fsl_nlp.data.entries import Download
from fsl_nlp.errors import DataError


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    """A corpus in the catalogue whose source is a folder."""
    source = tmp_path / "source"
    source.mkdir()
    content = "text,label\na,b\nc,d\n"
    for split in ("train", "test"):
        (source / f"{split}.csv").write_text(content)
    entry = Entry(
        "toy",
        "made up",
        "en",
        "corpus",
        {"train": "toys/train.csv", "test": "toys/test.csv"},
        source="https://example.org/toy",
        download=Download(source.as_uri() + "/{split}.csv"),
        sums={"toys/train.csv": hashlib.sha256(content.encode()).hexdigest()},
    )
    monkeypatch.setitem(CATALOGUE, "toy", entry)
    monkeypatch.setenv("FSL_NLP_DATA", str(tmp_path / "data"))
    return source


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", *arguments])


@pytest.mark.usefixtures("source")
def test_list_has_a_line_for_each_dataset(tmp_path):
    lines = call("list").stdout.splitlines()
    assert lines[0].split()[:3] == ["name", "language", "here"]
    assert [line.split()[0] for line in lines[1 : len(CATALOGUE) + 1]] == list(CATALOGUE)
    tnews = next(line for line in lines if line.startswith("tnews"))
    assert tnews.endswith("dev_0-4, train_few_all, dev_few_all, test_public, test, unlabeled")
    call("get", "toy", "--split", "train")
    assert "1 of 2" in next(line for line in call("list").stdout.splitlines() if "toy" in line)
    listed = json.loads(call("list", "--json").stdout)["datasets"]
    assert listed[-1]["name"] == "toy"
    assert listed[-1]["available"] == ["train"]
    assert listed[-1]["source"] == "https://example.org/toy"
    assert listed[-1]["folder"] == str(tmp_path / "data/toys")


def test_get_says_what_it_fetched_and_where_it_put_it(source, tmp_path):
    done = call("get", "toy")
    assert done.exit_code == 0
    path = tmp_path / "data/toys"
    assert done.stdout == (
        f"fetched {source.as_uri()}/train.csv\n  to {path / 'train.csv'} (checksum verified)\n"
        f"fetched {source.as_uri()}/test.csv\n  to {path / 'test.csv'} (no checksum is published)\n"
    )
    assert (path / "train.csv").is_file()
    assert call("get", "toy", "--split", "train").stdout == (
        f"here already: {path / 'train.csv'} (checksum verified)\n"
    )


def test_get_as_json(source, tmp_path):
    done = call("get", "toy", "--split", "train", "--data-dir", str(tmp_path / "b"), "--json")
    assert json.loads(done.stdout) == {
        "name": "toy",
        "files": [
            {
                "path": str(tmp_path / "b/toys/train.csv"),
                "urls": [f"{source.as_uri()}/train.csv"],
                "verified": True,
            }
        ],
    }


def test_get_tells_what_came_before_it_failed(source):
    (source / "test.csv").unlink()
    done = call("get", "toy")
    assert "train.csv (checksum verified)" in done.stdout
    assert isinstance(done.exception, DataError)
    assert "test.csv could not be downloaded" in str(done.exception)


def test_check(source, tmp_path):
    assert call("check", "toy").exit_code == 1  # nothing is here
    call("get", "toy", "--split", "train")
    done = call("check", "toy")
    assert done.exit_code == 0
    folder = tmp_path / "data/toys"
    assert done.stdout == f"ok       {folder / 'train.csv'}\nmissing  {folder / 'test.csv'}\n"
    assert call("check", "toy", "--split", "test").exit_code == 1
    (folder / "train.csv").write_text("text,label\n")
    done = call("check", "toy", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["files"][0] == {
        "split": "train",
        "path": str(folder / "train.csv"),
        "state": "differs",
    }
