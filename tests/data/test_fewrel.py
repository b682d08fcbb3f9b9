"""FewRel's files: spans, names of relations, and what is wrong with them."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.data.fewrel import is_fewrel
from fsl_nlp.errors import DataError, OptionError


def instance(text: str, head: list[int], tail: list[int]) -> dict[str, Any]:
    tokens = text.split(" ")
    h, t = (" ".join(tokens[i] for i in indices).lower() for indices in (head, tail))
    return {"tokens": tokens, "h": [h, "Q1", [head, [0]]], "t": [t, "Q2", [tail]]}


CORPUS = {
    "P50": [
        instance("`` The Tin Fox '' , by Ann Reed ( 1990 ) .", [1, 2, 3], [7, 8]),
        instance("Bo Lind 's novel is Snow .", [5], [0, 1]),
    ],
    "P19": [
        instance("Cy Dorn was born in Old - Ham .", [0, 1], [5, 6, 7]),
        instance("Eve Falk comes from Gull .", [0, 1], [4]),
    ],
}
NAMES = {
    "P50": ["author", "main creator of a written work"],
    "P19": ["place of birth", "No description defined"],
    "P7": ["another", "which the corpus has not"],
}


@pytest.fixture
def file(write):
    """Writes a corpus as val_toy.json."""
    return lambda document, **kind: write("val_toy.json", json.dumps(document, **kind))


def broken(change: Any) -> dict[str, Any]:
    """The corpus after `change` to the second instance of P50."""
    document = copy.deepcopy(CORPUS)
    change(document["P50"][1])
    return document


def test_examples(file):
    data = load_dataset(file(CORPUS))
    assert data.name == "val_toy"
    assert data.labels == ("P19", "P50")
    assert data.texts[0] == '"The Tin Fox", by Ann Reed (1990).'
    assert data.texts[2] == "Cy Dorn was born in Old-Ham."
    assert data.targets == ["P50", "P50", "P19", "P19"]
    assert [example.id for example in data] == ["P50/0", "P50/1", "P19/0", "P19/1"]
    mentions = [
        (example.text[slice(*example.head)], example.text[slice(*example.tail)]) for example in data
    ]
    assert mentions == [
        ("The Tin Fox", "Ann Reed"),
        ("Snow", "Bo Lind"),
        ("Cy Dorn", "Old-Ham"),
        ("Eve Falk", "Gull"),
    ]


def test_hyphens_follow_the_corpus(file):
    """One tokeniser made the file: what it did to other sentences tells how to read this one."""
    document = copy.deepcopy(CORPUS)
    document["P19"][1] = instance("Eve Falk comes from well-known far-off Gull .", [0, 1], [6])
    assert load_dataset(file(document)).texts[2] == "Cy Dorn was born in Old - Ham."


def test_a_mention_with_a_gap_or_white_space(file):
    document = copy.deepcopy(CORPUS)
    document["P50"][0] = instance("The Tin Red Fox by Ann .", [3, 0, 1], [5])
    document["P50"][1] = {
        "tokens": ["\n", "Bo", "\u00a0", "Lind", " ", "wrote", "Snow"],
        "h": ["snow", "Q1", [[6]]],
        "t": ["bo lind", "Q2", [[0, 1, 2, 3, 4]]],
    }
    first, second, *_ = load_dataset(file(document)).examples
    assert first.text[slice(*first.head)] == "The Tin Red Fox"
    assert second.text == "Bo Lind wrote Snow"
    assert second.text[slice(*second.tail)] == "Bo Lind"


def test_a_list_has_no_labels(file, refusal):
    path = file([*CORPUS["P50"], *CORPUS["P19"]])
    message = refusal(path)
    assert "has no labels." in message
    assert "In Python, pass labelled=False." in message
    data = load_dataset(path, labelled=False)
    assert data.labels == ()
    assert data.targets == [None] * 4
    assert [example.id for example in data] == ["0", "1", "2", "3"]
    assert data.examples[1].head is not None


def test_names_lie_beside_the_corpus(file, write):
    path = file(CORPUS)
    assert load_dataset(path).info["P50"].name is None
    write("pid2name.json", json.dumps(NAMES))
    info = load_dataset(path).info
    assert list(info) == ["P19", "P50"]
    assert info["P50"].name == "author"
    assert info["P50"].description == "main creator of a written work"
    assert info["P19"].name == "place of birth"
    assert info["P19"].description is None


@pytest.mark.parametrize("content", ["[]", "{", '{"P50": 3}', '{"P50": []}', '{"P50": [3, 4]}'])
def test_names_that_cannot_be_read(file, write, refusal, content):
    path = file(CORPUS)
    write("pid2name.json", content)
    assert "pid2name.json cannot be read as names of relations" in refusal(path)


def test_names_that_speak_for_themselves(file):
    names = ("Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "gene_causes_disease")
    document = dict.fromkeys(names, CORPUS["P50"])
    info = load_dataset(file(document)).info
    assert info["Cause-Effect(e1,e2)"].name == "cause effect"
    assert info["Cause-Effect(e2,e1)"].name == "effect cause"
    description = info["Cause-Effect(e2,e1)"].description
    assert description == "the head is the effect, the tail the cause"
    assert info["gene_causes_disease"].name == "gene causes disease"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it.pop("h"), "it has no 'h'"),
        (lambda it: [it.pop("tokens"), it.pop("t")], "it has no 'tokens' and no 't'"),
        (lambda it: it.update(tokens=[]), "it has no tokens"),
        (lambda it: it.update(tokens="Bo Lind"), "'tokens' is not a list of strings"),
        (lambda it: it.update(tokens=["Bo", 3]), "'tokens' is not a list of strings"),
        (lambda it: it.update(tokens=[" "] * 6), "the text is empty"),
        (lambda it: it["tokens"].append("a\0"), "the text holds a NUL character"),
        (lambda it: it.update(h=["snow", "Q1", []]), "the head has no mention"),
        (lambda it: it.update(h="snow"), "the mention of the head is not a list of token numbers"),
        (lambda it: it.update(t=None), "the tail has no mention"),
        (lambda it: it.update(t=["x", "Q2"]), "the tail has no mention"),
        (lambda it: it.update(t=["x", "Q2", [[]]]), "the mention of the tail is empty"),
        (lambda it: it.update(t=["x", "Q2", [["0"]]]), "tail is not a list of token numbers"),
        (lambda it: it.update(t=["x", "Q2", [[True]]]), "tail is not a list of token numbers"),
        (lambda it: it.update(t=["x", "Q2", [[6, 7]]]), "names token 7, outside the sentence of 7"),
        (lambda it: it.update(t=["x", "Q2", [[-1]]]), "names token -1, outside"),
        (
            lambda it: it.update(tokens=["Bo", "\n", "a", "b", "c", "d"], t=["x", "Q2", [[1]]]),
            "the mention of the tail is white space",
        ),
    ],
)
def test_bad_instances(file, refusal, change, message):
    path = file(broken(change))
    lines = refusal(path).split("\n")
    assert lines[0] == f"{path}: 1 instance cannot be used."
    assert lines[1].startswith(f"  {path}: P50 number 1: ")
    assert message in lines[1]
    with pytest.warns(UserWarning, match=r"skipped 1 instance \(P50 number 1\)"):
        assert len(load_dataset(path, on_error="skip")) == 3


def test_all_bad_instances_are_named(file, refusal):
    document: dict[str, Any] = copy.deepcopy(CORPUS)
    document["P19"][0].pop("t")
    document["P50"].append("text")
    lines = refusal(file(document)).split("\n")
    assert "P50 number 2: not a JSON object" in lines[1]
    assert "P19 number 0: it has no 't'" in lines[2]


def test_empty_relations(file, refusal):
    message = refusal(file({**CORPUS, "P1": [], "P2": []}))
    assert "no instances of P1, P2. Leave empty relations out." in message
    many = {f"P{number}": [] for number in range(100, 130)}
    assert "P109 and 20 more." in refusal(file({**CORPUS, **many}))
    assert "P3 should be a list of instances." in refusal(file({**CORPUS, "P3": {}}))


def test_one_relation(file, refusal):
    path = file({"P50": CORPUS["P50"]})
    assert refusal(path) == f"{path} holds one class only: P50."
    assert len(load_dataset(path, labelled=False)) == 2


def test_columns_cannot_be_named(file):
    with pytest.raises(OptionError, match="has no columns to name"):
        load_dataset(file(CORPUS), text="tokens")


def test_the_same_sentence_may_have_several_relations(file):
    """Two pairs of entities in one sentence are two instances: nothing is merged or refused."""
    text = "Ann Reed was born in Gull ."
    document = {
        "P1": [instance(text, [0, 1], [5]), instance(text, [0, 1], [5])],
        "P2": [instance(text, [5], [0, 1])],
    }
    assert len(load_dataset(file(document))) == 3


JUNK = (None, 0, -1, 2.5, True, "", "text", [], [[]], ["a"], [0, "a"], {}, {"h": 1})


def spoil(value: Any, random: Random) -> Any:
    """The document with junk in one place of it."""
    if random.random() < 0.15 or not isinstance(value, (dict, list)) or not value:
        return random.choice(JUNK)
    value = copy.copy(value)
    key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
    value[key] = spoil(value[key], random)
    return value


def test_no_junk_breaks_the_reader(file):
    """Whatever a file holds, there is a dataset or an error that was written for its user."""
    random = Random(0)
    for _ in range(400):
        path = file(spoil(CORPUS, random))
        with suppress(DataError):
            assert all(example.head and example.tail for example in load_dataset(path))


def test_recognition():
    assert is_fewrel(CORPUS)
    assert is_fewrel(CORPUS["P50"])
    assert is_fewrel({"P1": ["bad", {}], **CORPUS})
    for other in ({}, [], 3, "h", None, {"track": ["where is it"]}, [{"text": "a"}], {"h": 1}):
        assert not is_fewrel(other)


def test_in_the_catalogue(tmp_path, refusal):
    (tmp_path / "fewrel").mkdir()
    (tmp_path / "fewrel/val_wiki.json").write_text(json.dumps(CORPUS))
    (tmp_path / "fewrel/pid2name.json").write_text(json.dumps(NAMES))
    data = load_dataset("fewrel:val_wiki", data_dir=tmp_path)
    assert data.name == "fewrel"
    assert len(data) == 4
    assert data.info["P50"].name == "author"
    message = refusal("fewrel", data_dir=tmp_path)
    assert "none is the default. Say which, as in fewrel:train_wiki." in message
    message = refusal("fewrel:val_nyt", data_dir=tmp_path)
    assert str(tmp_path / "fewrel/val_nyt.json") in message
    assert f"fsl-nlp data get fewrel --split val_nyt --data-dir {tmp_path}" in message
