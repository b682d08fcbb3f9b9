"""Labels that differ in writing alone."""

from __future__ import annotations

import unicodedata
import warnings

import pytest

from fsl_nlp.data import load_dataset


def labelled(labels: list[str]) -> str:
    return "text\tlabel\n" + "".join(f"text {i}\t{label}\n" for i, label in enumerate(labels))


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        (["card_lost", "card_lost ", " card_lost"], "card_lost"),
        (["card lost", "card lost", "card  lost"], "card lost"),
        (["card lost", "card\u00a0lost", "card\u00a0lost"], "card\u00a0lost"),
        (["退 款", "退\u3000款"], "退 款"),
        (["退款", "退款\u200b"], "退款"),
        (["rückgabe", unicodedata.normalize("NFD", "rückgabe")], "rückgabe"),
    ],
)
def test_spellings_that_look_the_same_are_one_label(write, labels, kept):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = load_dataset(write("a.tsv", labelled(labels)))
    assert data.labels == (kept,)
    assert len(data) == len(labels)


def test_what_was_merged_is_said(write):
    with pytest.warns(UserWarning, match="is read as") as caught:
        load_dataset(write("a.tsv", labelled(["card lost", "card lost", "card\u00a0lost"])))
    assert len(caught) == 1
    assert '"card\\u00a0lost" (1) is read as "card lost" (2).' in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "labels",
    [
        ["card_lost", "Card_Lost", "card-lost", "card lost"],
        ["ＶＩＰ会员", "VIP会员"],
        ["退款_申请", "退款 申请"],
    ],
)
def test_labels_that_are_nearly_the_same_are_named(write, labels):
    with pytest.warns(UserWarning, match="nearly the same") as caught:
        data = load_dataset(write("a.tsv", labelled([*labels, labels[0], "other"])))
    assert set(data.labels) == {*labels, "other"}
    message = str(caught[0].message)
    assert f'"{labels[0]}" (2), "{labels[1]}" (1)' in message
    assert "other" not in message


@pytest.mark.parametrize(
    "labels",
    [
        ["-1", "1", "0"],
        ["C", "C++", "C#"],
        ["a_b", "ab"],
        ["_", "-"],
        ["10", "1_0"],
        ["退款", "退货"],
    ],
)
def test_labels_that_differ(write, labels):
    assert set(load_dataset(write("a.tsv", labelled(labels))).labels) == set(labels)


def test_texts_of_merged_labels_do_not_contradict(write, pairs):
    file = write("a.tsv", "text\tlabel\nhi there\tsay  hi\nhi there\tsay hi\n")
    with pytest.warns(UserWarning, match="is read as"):
        assert pairs(load_dataset(file)) == [("hi there", "say  hi")]
