"""What a user passes in Python, and the message that each mistake gets."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from fsl_nlp.checks import as_labels, as_texts, match_labels, with_descriptions
from fsl_nlp.errors import DataError
from fsl_nlp.types import Dataset, Example, LabelInfo

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
    labels = as_labels(["1", 1, np.int8(2), np.str_("a"), 3.0, np.float32(4)], "labels")
    assert labels == ["1", 1, 2, "a", 3, 4]
    assert [type(label) for label in labels] == [str, int, int, str, int, int]


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
        (["a", True], "labels[1] must be a string or a whole number, got bool True."),
        (np.array([True]), "labels[0] must be a string or a whole number, got bool"),
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
