"""The published corpora: run with FSL_NLP_DATA set to the folder that holds them, or some."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from fsl_nlp.data import CATALOGUE, check_dataset, load_dataset
from fsl_nlp.types import Dataset

pytestmark = pytest.mark.skipif(
    not os.environ.get("FSL_NLP_DATA"), reason="FSL_NLP_DATA is not set"
)
SHARED = {"P25", "P40", "P410", "P412", "P413", "P463", "P921", "P2094"}


def load(name: str, *, labelled: bool = True) -> Dataset:
    base, _, split = name.partition(":")
    if not file_of(base, split).is_file():
        pytest.skip(f"{name} is not here")
    return load_dataset(name, labelled=labelled)


def file_of(name: str, split: str) -> Path:
    return Path(os.environ["FSL_NLP_DATA"]) / CATALOGUE[name].splits[split]


@cache
def fewrel(split: str) -> Dataset:
    return load(f"fewrel:{split}", labelled=split != "pubmed_unsupervised")


@pytest.mark.parametrize(
    ("split", "relations", "instances"),
    [
        ("val_wiki", 16, 11_200),
        ("val_nyt", 25, 2_500),
        ("val_semeval", 17, 8_851),
        ("pubmed_unsupervised", 0, 2_500),
    ],
)
def test_counts(split, relations, instances):
    data = fewrel(split)
    assert (len(data.labels), len(data)) == (relations, instances)
    assert len({example.id for example in data}) == instances
    counts = set(Counter(data.known_targets).values()) if relations else set()
    assert {"val_wiki": {700}, "val_nyt": {100}}.get(split, counts) == counts


def test_relations_that_two_splits_share():
    assert set(fewrel("val_wiki").labels) & set(fewrel("val_nyt").labels) == SHARED


@pytest.mark.parametrize("split", ["val_wiki", "val_nyt", "val_semeval"])
def test_every_relation_has_a_name(split):
    data = fewrel(split)
    assert all(data.info[label].name for label in data.labels)


@pytest.mark.parametrize("split", ["val_wiki", "val_nyt", "val_semeval", "pubmed_unsupervised"])
def test_sentences_read_naturally(split):
    """The mentions' own names were taken from the sentences before they were cut into tokens."""
    data = fewrel(split)
    document = json.loads(file_of("fewrel", split).read_text("utf-8"))
    groups = document.values() if isinstance(document, dict) else [document]
    instances = [instance for group in groups for instance in group]
    different = 0
    for example, instance in zip(data, instances, strict=True):
        assert example.text == " ".join(example.text.split())
        assert not re.search(r" [,.;]( |$)|\( | \)|-LRB-|``|''", example.text)
        for span, entity in ((example.head, instance["h"]), (example.tail, instance["t"])):
            mention = example.text[slice(*span)]
            assert mention == mention.strip() != ""
            different += mention.lower() != entity[0].lower()
    assert different <= len(instances) / 500


@pytest.mark.parametrize(
    ("name", "labels", "examples"),
    [
        ("banking77:test", 77, 3080),
        ("clinc150:test", 150, 4500),
        ("smp2017:test", 31, 667),
        ("eprstmt:test_public", 2, 610),
        ("tnews:train_0", 15, 240),
        ("csldcp:dev_4", 67, 536),
        ("iflytek:train_few_all", 119, 3024),
        ("ocnli:train_0", 3, 32),
        ("bustm:test_public", 2, 1772),
        ("csl:test_public", 2, 2838),
        ("cluewsc:dev_few_all", 2, 159),
    ],
)
def test_other_corpora(name, labels, examples):
    data = load(name)
    assert (len(data.labels), len(data)) == (labels, examples)
    assert all(isinstance(label, str) for label in data.labels)


@pytest.mark.parametrize("name", [n for n, entry in CATALOGUE.items() if entry.kind == "corpus"])
def test_the_files_are_the_published_ones(name):
    assert {check.state for check in check_dataset(name)} <= {"ok", "missing", "no sum"}


@pytest.mark.parametrize(("split", "examples"), [("test_public", 2002), ("train_few_all", 202)])
def test_idioms(split, examples):
    data = load(f"chid:{split}")
    assert (data.labels, len(data)) == (tuple(range(7)), examples)


@pytest.mark.parametrize(
    ("task", "examples"),
    [("iflytek", 2600), ("tnews", 1500), ("chid", 2000), ("cluewsc", 290), ("csl", 3000)],
)
def test_the_hidden_tests_have_ids(task, examples):
    data = load(f"{task}:test", labelled=False)
    assert len({example.id for example in data}) == len(data) == examples


@pytest.mark.parametrize("task", ["tnews", "csldcp", "iflytek", "eprstmt", "ocnli", "cluewsc"])
def test_every_label_has_its_word(task):
    data = load(f"{task}:train_few_all")
    assert all(data.info[label].words for label in data.labels)
