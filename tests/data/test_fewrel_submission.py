"""FewRel's hidden test: input files as published, predictions as the leaderboard takes them."""

from __future__ import annotations

import copy
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from fsl_nlp.data import read_submission_episodes, write_predictions, zip_predictions
from fsl_nlp.errors import DataError


def instance(name: str) -> dict[str, Any]:
    """A sentence about somebody; its head is the name, its tail the town."""
    return {
        "tokens": [name, "lives", "in", "Old", "-", "Ham", "."],
        "h": [name.lower(), "Q1", [[0]]],
        "t": ["old-ham", "Q2", [[3, 4, 5]]],
    }


def episode(way: int, shot: int, names: str, query: str) -> dict[str, Any]:
    """An entry of an input file whose instances bear the names, one after the other."""
    instances = [instance(name) for name in names.split()]
    assert len(instances) == way * shot
    return {
        "relation": [f"P{number}" for number in range(way)],
        "meta_train": [instances[at : at + shot] for at in range(0, way * shot, shot)],
        "meta_test": instance(query),
    }


ENTRIES = [
    episode(2, 3, "Ann Bo Cy Dee Eve Flo", "Gus"),
    episode(2, 3, "Ann Bo Hal Gus Ida Jo", "Cy"),
]
NAME = "test_wiki_input-2-3.json"


@pytest.fixture
def file(write):
    return lambda entries, name=NAME: write(name, json.dumps(entries))


def test_episodes(file):
    episodes = read_submission_episodes(file(ENTRIES))
    assert (len(episodes), episodes.way, episodes.shot) == (2, 2, 3)
    assert episodes.support.dtype == episodes.query.dtype == np.int64
    assert episodes.support.tolist() == [[[0, 1, 2], [3, 4, 5]], [[0, 1, 7], [6, 8, 9]]]
    assert episodes.query.tolist() == [[6], [2]]
    assert episodes.relations == (("P0", "P1"), ("P0", "P1"))


def test_each_instance_is_there_once(file):
    data = read_submission_episodes(file(ENTRIES)).dataset
    names = " ".join(text.split()[0] for text in data.texts)
    assert names == "Ann Bo Cy Dee Eve Flo Gus Hal Ida Jo"
    assert data.labels == ()
    example = data.examples[6]
    assert example.text == "Gus lives in Old-Ham."
    assert example.text[slice(*example.head)] == "Gus"
    assert example.text[slice(*example.tail)] == "Old-Ham"
    assert example.id == "0/meta_test"
    assert data.examples[7].id == "1/meta_train/0/2"


def test_the_same_words_with_other_mentions_are_another_instance(file):
    entries = copy.deepcopy(ENTRIES)
    other = instance("Ann")
    other["t"][2] = [[5]]
    entries[1]["meta_test"] = other
    episodes = read_submission_episodes(file(entries))
    assert len(episodes.dataset) == 11
    assert episodes.query.tolist() == [[6], [10]]


def test_sizes_without_a_telling_name(file):
    episodes = read_submission_episodes(file(ENTRIES, "input.json"))
    assert (episodes.way, episodes.shot) == (2, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it.pop("relation"), "it has no 'relation'"),
        (lambda it: it.pop("meta_test"), "it has no 'meta_test'"),
        (lambda it: it["relation"].append("P9"), "'relation' has 3 members, and the file is 2-way"),
        (lambda it: it["meta_train"].pop(), "'meta_train' has 1 members"),
        (
            lambda it: it["meta_train"][1].pop(),
            "'meta_train' has 2 instances of relation 1, and the file is 3-shot",
        ),
        (lambda it: it.update(relation="P0"), "'relation' is not a list of strings"),
        (lambda it: it.update(relation=[1, 2]), "'relation' is not a list of strings"),
        (lambda it: it.update(meta_train=[{}, {}]), "'meta_train' is not a list of lists"),
        (lambda it: it.update(meta_test=[]), "meta_test: not a JSON object"),
        (lambda it: it["meta_test"].pop("h"), "meta_test: it has no 'h'"),
        (
            lambda it: it["meta_train"][1][2]["t"].__setitem__(2, [[7]]),
            "meta_train/1/2: the mention of the tail names token 7, outside",
        ),
    ],
)
def test_bad_entries(file, change, message):
    entries = copy.deepcopy(ENTRIES)
    change(entries[1])
    with pytest.raises(DataError) as caught:
        read_submission_episodes(file(entries))
    first, second = str(caught.value).split("\n")
    assert first.endswith("1 of its entries cannot be used (counted from 0).")
    assert second.startswith("  entry 1: ")
    assert message in second


@pytest.mark.parametrize("junk", [None, 0, "", "text", [], [[]], {}, {"tokens": []}])
@pytest.mark.parametrize("key", ["relation", "meta_train", "meta_test"])
def test_no_junk_breaks_the_reader(file, key, junk):
    for number in (0, 1):
        entries = copy.deepcopy(ENTRIES)
        entries[number][key] = junk
        with pytest.raises(DataError, match=f"entry {number}"):
            read_submission_episodes(file(entries))
        with pytest.raises(DataError, match="entry"):
            read_submission_episodes(file(entries, "input.json"))


def test_many_bad_entries(file):
    with pytest.raises(DataError) as caught:
        read_submission_episodes(file([*ENTRIES, *[None] * 25]))
    lines = str(caught.value).split("\n")
    assert "25 of its entries" in lines[0]
    assert lines[1] == "  entry 2: not a JSON object"
    assert lines[-1] == "  and 5 more"
    assert len(lines) == 22


def test_files_that_are_no_input(file, write, tmp_path):
    for content in ({}, [], {"relation": []}):
        with pytest.raises(DataError, match="should hold a list of episodes"):
            read_submission_episodes(file(content))
    with pytest.raises(DataError, match="is not JSON"):
        read_submission_episodes(write("a.json", "{"))
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_submission_episodes(tmp_path / "nothing.json")
    with pytest.raises(DataError, match="entry 0 lacks some of the keys"):
        read_submission_episodes(write("a.json", "[3]"))


def test_predictions_to_the_byte(file, tmp_path):
    episodes = read_submission_episodes(file(ENTRIES))
    path = write_predictions(tmp_path / "out", episodes, np.array([1, 0]))
    assert path == tmp_path / "out/pred-2-3.json"
    assert path.read_bytes() == b"[1, 0]"


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([1], "1 predictions for 2 episodes"),
        ([1, 0, 1], "3 predictions for 2 episodes"),
        ([0, 2], "Prediction 1 is 2: it should be 0 to 1"),
        ([-1, 0], "Prediction 0 is -1"),
    ],
)
def test_bad_predictions(file, tmp_path, predictions, message):
    episodes = read_submission_episodes(file(ENTRIES))
    with pytest.raises(DataError, match=message):
        write_predictions(tmp_path / "out", episodes, predictions)
    assert not (tmp_path / "out").exists()


def test_the_zip(file, tmp_path):
    episodes = read_submission_episodes(file(ENTRIES))
    other = read_submission_episodes(file([episode(3, 1, "Ann Bo Cy", "Dee")], "input-3-1.json"))
    files = [
        write_predictions(tmp_path / "out", episodes, [1, 0]),
        write_predictions(tmp_path / "out", other, [2]),
    ]
    target = zip_predictions(tmp_path / "pred.zip", reversed(files))
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["pred-2-3.json", "pred-3-1.json"]
        assert [archive.read(name) for name in archive.namelist()] == [b"[1, 0]", b"[2]"]
    first = target.read_bytes()
    assert zip_predictions(tmp_path / "pred.zip", files).read_bytes() == first
