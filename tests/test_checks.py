"""What a user passes in Python, and the message that each mistake gets."""

from __future__ import annotations

import re
from enum import Enum, IntEnum
from typing import Any

import numpy as np
import pytest

from fsl_nlp.checks import (
    as_examples,
    as_labels,
    as_support,
    as_texts,
    checked_support,
    with_descriptions,
)
from fsl_nlp.errors import DataError, warn_once
from fsl_nlp.spelling import match_labels
from fsl_nlp.types import Dataset, Example, Label, LabelInfo

SHAPES = [list, tuple, np.array, iter, lambda values: dict.fromkeys(values).keys()]


@pytest.mark.parametrize("shape", SHAPES)
def test_any_flat_collection_is_read(shape: Any) -> None:
    texts = as_texts(shape(["a", "b"]), "texts")
    assert texts == ["a", "b"]
    assert {type(text) for text in texts} == {str}
    labels = as_labels(shape([1, 2]), "labels")
    assert labels == [1, 2]
    assert {type(label) for label in labels} == {int}


def test_pandas_columns_are_read() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["a", "b"], "label": ["x", "y"]}, index=[7, 3])
    assert as_texts(frame["text"], "texts") == ["a", "b"]
    assert as_labels(frame["label"].astype("category"), "labels") == ["x", "y"]
    assert as_labels(pandas.Series([1, 2, None]).dropna(), "labels") == [1, 2]


def test_kinds_of_labels_stay_what_they_are() -> None:
    labels = as_labels(["0", 1, np.int8(2), np.str_("a"), 3.0, np.float32(4)], "labels")
    assert labels == ["0", 1, 2, "a", 3, 4]
    assert [type(label) for label in labels] == [str, int, int, str, int, int]


class Intent(str, Enum):
    TRACK = "track_order"
    退款 = "退款"


class Number(IntEnum):
    ONE = 1


class Plain(Enum):
    TRACK = "track_order"


def test_a_member_of_an_enum_is_its_value() -> None:
    labels = as_labels([Intent.TRACK, Intent.退款, Plain.TRACK], "labels")
    assert labels == ["track_order", "退款", "track_order"]
    assert {type(label) for label in labels} == {str}
    assert [type(label) for label in as_labels([Number.ONE], "labels")] == [int]
    assert as_texts([Intent.退款], "texts") == ["退款"]
    assert type(as_examples([Example(Intent.退款)], "texts")[0].text) is str


@pytest.fixture
def notes(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    warn_once.cache_clear()
    return caplog


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([1, "a"], "labels holds whole numbers, such as 1, and strings, such as 'a'."),
        ([1.0, 2.0], "labels: numbers such as 3.0 are read as whole numbers, such as 3."),
    ],
)
def test_odd_kinds_of_labels_are_noted_once(
    values: list[Any], note: str, notes: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        as_labels(values, "labels")
    assert [note in message for message in notes.messages] == [True]


def test_usual_labels_get_no_note(notes: pytest.LogCaptureFixture) -> None:
    as_labels(["a", "b"], "labels")
    as_labels(np.array([1, 2]), "labels")
    with_descriptions(Dataset.from_texts(["x", "y"], ["a", "b"]), {"a": "first"})
    as_support([], [], {"track": "parcels", "trick": "jokes"})  # only descriptions: no slip
    assert notes.messages == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("hello", "texts must be a list, got str 'hello'."),
        (b"hello", "texts must be a list, got bytes"),
        (None, "texts must be a list, got NoneType None."),
        (3, "texts must be a list, got int 3."),
        ({"text": "hello"}, "texts must be a list, got dict"),
        ({"a", "b"}, "texts must be a list; a set has no order."),
        (np.array([["a"], ["b"]]), "texts must have one dimension, got shape (2, 1)."),
        (np.array("a"), "texts must have one dimension, got shape ()."),
        (["a", None], "texts[1] must be a string, got NoneType None."),
        (["a", float("nan")], "texts[1] must be a string, got float nan."),
        ([["a"]], "texts[0] must be a string, got list ['a']."),
        (["a", 7], "texts[1] must be a string, got int 7."),
        (["a", b"b"], "texts[1] must be a string, got bytes b'b'."),
        (["a", "x" * 50, 1.0], "texts[2]"),
        (["a", ""], "texts[1] is empty."),
        (["a", " \t\n\u3000"], "texts[1] is empty."),
        (["a", "cut \ud83d"], "texts[1] holds half a character"),
    ],
)
def test_wrong_texts_are_named(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        as_texts(values, "texts")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("hello", "labels must be a list, got str 'hello'."),
        (["a", None], "labels[1] must be a string or a whole number, got NoneType None."),
        (["a", True], "labels[1] is the boolean True. A label must be a string or a whole"),
        (np.array([True]), "labels[0] is the boolean True."),
        (["a", "a\0"], r"labels[1] holds a NUL character: str 'a\x00'. Remove it."),
        (["a", 2**63], "labels[1] is a number beyond 64 bits: int 9223372036854775808. Write"),
        (np.array([2**64 - 1], np.uint64), "labels[0] is a number beyond 64 bits"),
        ([-(2**63) - 1], "labels[0] is a number beyond 64 bits"),
        ([1e300], "labels[0] is a number beyond 64 bits: float 1e+300."),
        (["a", "1", 1], "labels[2] is the number 1 and labels[1] the string '1'. Write one"),
        ([1.5], "labels[0] must be a string or a whole number, not missing or continuous"),
        ([float("nan")], "got float nan."),
        ([float("inf")], "got float inf."),
        ([("a", "b")], "labels[0] must be a string or a whole number, got tuple ('a', 'b')."),
        (["a", " "], "labels[1] is empty."),
        (["\udc00"], "labels[0] holds half a character"),
        (np.array([[1], [2]]), "labels must have one dimension, got shape (2, 1)."),
    ],
)
def test_wrong_labels_are_named(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        as_labels(values, "labels")


def test_long_values_are_shortened_in_messages() -> None:
    with pytest.raises(DataError) as caught:
        as_texts([["word"] * 1000], "texts")
    assert len(str(caught.value)) < 120


def test_empty_texts_can_be_let_through() -> None:
    assert as_texts(["", " "], "texts", allow_empty=True) == ["", " "]


def test_a_number_in_words_is_the_number_unless_both_are_known() -> None:
    assert match_labels(["3", 4, "x", "4"], [3, 4]) == [3, 4, "x", 4]
    assert match_labels(["3", 3], [3, "3"]) == ["3", 3]


def test_what_a_corpus_knows_of_its_labels_is_kept_beside_descriptions() -> None:
    info = {"a": LabelInfo(name="red wine", words=("红",)), "z": LabelInfo(name="not there")}
    data = Dataset((Example("one", "a"), Example("two", "b")), ("a", "b", "z"), info)
    found = with_descriptions(data, {"a": "made of grapes", "c": "brewed"})
    assert found.labels == ("a", "b", "c")
    assert found.info == {
        "a": LabelInfo(name="red wine", words=("红",), description="made of grapes"),
        "c": LabelInfo(description="brewed"),
    }
    assert found.examples == data.examples


@pytest.mark.parametrize(
    ("labels", "described", "message"),
    [
        (["refund", "track"], "Refund", "descriptions['Refund'] is for no label of the texts"),
        (["card_lost", "track"], "card-lost ", "but 'card_lost' is one. Write the label as"),
        ([1, 2], "1", "descriptions['1'] is for no label of the texts, but 1 is one."),
    ],
)
def test_a_description_for_a_label_in_another_spelling_is_refused(
    labels: list[Label], described: Label, message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        with_descriptions(Dataset.from_texts(["a", "b"], labels), {described: "what it means"})


def test_labels_that_have_only_a_description_are_noted(notes: pytest.LogCaptureFixture) -> None:
    data = Dataset.from_texts(["a", "b"], ["refund", "track"])
    described = {"refnud": "money back", "发票": "开发票", "opening_hours": "when"}
    assert with_descriptions(data, described).labels[-1] == "发票"
    assert notes.messages == [
        "No text has the label 'refnud', only a description. Did you mean refund?",
        "Labels that have a description and no text: 发票, opening_hours.",
    ]


def test_a_dataset_gets_plain_labels() -> None:
    info = {np.int64(7): LabelInfo(name="seven")}
    examples = (Example("a", np.int64(7)), Example("b"), Example("c", Number.ONE))
    data = checked_support(Dataset(examples, (1, np.int64(7)), info))  # type: ignore[arg-type]
    assert [type(label) for label in data.labels] == [int, int]
    assert data.targets == [7, None, 1]
    assert {type(label) for label in data.labelled.targets} == {int}
    assert data.info[7].name == "seven"
