"""DataFrames, `datasets.Dataset` and Parquet."""

from __future__ import annotations

import numpy
import pytest

from fsl_nlp.data import load_dataset

pandas = pytest.importorskip("pandas")
datasets = pytest.importorskip("datasets")


@pytest.fixture
def named() -> datasets.Dataset:
    features = datasets.Features(
        {
            "sentence": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["退货", "track"]),
            "idx": datasets.Value("int32"),
        }
    )
    rows = {"sentence": ["where is it", "我要退货"], "label": [1, 0], "idx": [10, 11]}
    return datasets.Dataset.from_dict(rows, features=features)


def test_frame(pairs):
    frame = pandas.DataFrame({"Text": [" a ", "b", "a"], "Intent": ["x", "y", "x"], "n": [1, 2, 3]})
    data = load_dataset(frame)
    assert pairs(data) == [("a", "x"), ("b", "y")]
    assert data.name == "data"


def test_frame_labels():
    frame = pandas.DataFrame({"text": ["a", "b"], "label": [1.0, 2.0], "id": [7.0, None]})
    data = load_dataset(frame)
    assert data.targets == [1, 2]
    assert all(type(label) is int for label in data.targets)
    assert [example.id for example in data] == ["7", None]
    frame["label"] = pandas.Series(["x", "y"], dtype="category")
    assert load_dataset(frame).targets == ["x", "y"]
    frame["label"] = pandas.Series([numpy.int64(3), numpy.str_("z")], dtype=object)
    assert load_dataset(frame).targets == [3, "z"]


@pytest.mark.parametrize("missing", [None, float("nan"), pandas.NA, pandas.NaT, ""])
def test_frame_missing_values(refusal, missing):
    frame = pandas.DataFrame(
        {"text": ["a", "b"], "label": pandas.Series(["x", missing], dtype=object)}
    )
    message = refusal(frame)
    assert "DataFrame row 1: the label is missing" in message
    frame = frame.rename(columns={"text": "label", "label": "text"})
    assert "DataFrame row 1: the text is" in refusal(frame)
    assert load_dataset(frame.rename(columns={"label": "text", "text": "label"}), labelled=False)


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ([1.5, 2.0], "the label 1.5 (float)"),
        ([True, False], "the label True (bool)"),
        ([["x"], "y"], "the label ['x'] (list)"),
        ([numpy.array([1, 2]), "y"], "the label array([1, 2]) (ndarray)"),
        (pandas.to_datetime(["2020-01-01", "2020-01-02"]), "(Timestamp)"),
    ],
)
def test_frame_labels_that_are_none(refusal, label, problem):
    message = refusal(pandas.DataFrame({"text": ["a", "b"], "label": label}))
    assert "DataFrame row 0: " in message
    assert problem in message


def test_frame_texts_that_are_none(refusal):
    message = refusal(pandas.DataFrame({"text": [5, 6], "label": ["x", "y"]}))
    assert "DataFrame row 0: the text is not a string but 5 (int)" in message


def test_frame_rows_count_from_the_top(refusal):
    frame = pandas.DataFrame({"text": ["a", "", "b"], "label": ["x", "y", "z"]}, index=[5, 5, 9])
    assert "DataFrame row 1: the text is empty" in refusal(frame)
    with pytest.warns(UserWarning, match=r"DataFrame: skipped 1 row \(row 1\)"):
        assert load_dataset(frame, on_error="skip").texts == ["a", "b"]


def test_frame_columns(refusal):
    message = refusal(pandas.DataFrame([["a b", "x"], ["c d", "y"]]))
    assert 'The columns are: "0", "1".' in message
    assert 'load_dataset(frame, text="0", label="1")' in message
    assert "header row" not in message
    assert load_dataset(
        pandas.DataFrame([["a b", "x"], ["c d", "y"]]), text="0", label="1"
    ).texts == ["a b", "c d"]
    twice = pandas.DataFrame([["a", "b", "c"]], columns=["text", "text", "label"])
    assert 'two columns are named "text"' in refusal(twice)


def test_frame_without_rows(refusal):
    assert refusal(pandas.DataFrame()) == "DataFrame holds no rows."
    assert refusal(pandas.DataFrame({"text": [], "label": []})) == "DataFrame holds no rows."


def test_class_labels_give_names(named, pairs):
    data = load_dataset(named)
    assert pairs(data) == [("where is it", "track"), ("我要退货", "退货")]
    assert [example.id for example in data] == ["10", "11"]
    assert data.name == "data"


def test_selected_and_formatted_tables(named, pairs):
    assert pairs(load_dataset(named.select([1]))) == [("我要退货", "退货")]
    assert load_dataset(named.with_format("numpy")).targets == ["track", "退货"]


def test_class_label_minus_one_is_missing(named, refusal, pairs):
    table = datasets.Dataset.from_dict(
        {"sentence": ["a", "b", "c"], "label": [-1, None, 0]},
        features=datasets.Features({k: named.features[k] for k in ("sentence", "label")}),
    )
    assert "datasets.Dataset row 0: the label is missing" in refusal(table)
    assert pairs(load_dataset(table, labelled=False)) == [("a", None), ("b", None), ("c", "退货")]


def test_hf_columns_and_rows(refusal):
    table = datasets.Dataset.from_dict({"q": ["a b c", "d e f"], "k": [1, 2]})
    assert 'load_dataset(table, text="q", label="k")' in refusal(table)
    assert load_dataset(table, text="q", label="k").targets == [1, 2]
    assert refusal(datasets.Dataset.from_dict({})) == "datasets.Dataset holds no rows."


def test_splits_are_not_a_table(named, refusal):
    message = refusal(datasets.DatasetDict({"train": named}))
    assert "DatasetDict is no source of data" in message
    assert "splits['train']" in message


@pytest.mark.parametrize("source", [3, None, ["a"], b"a.csv"])
def test_other_objects(refusal, source):
    assert f"{type(source).__name__} is no source of data. Pass a path" in refusal(source)


def test_parquet_keeps_class_labels(named, pairs, tmp_path):
    file = tmp_path / "train.parquet"
    named.to_parquet(file)
    data = load_dataset(file)
    assert pairs(data) == [("where is it", "track"), ("我要退货", "退货")]
    assert data.name == "train"


def test_parquet_problems(write, refusal, tmp_path):
    file = tmp_path / "a.parquet"
    pandas.DataFrame({"text": ["a", None], "Ziel": ["x", "y"]}).to_parquet(file)
    assert f'load_dataset("{file}", label="Ziel")' in refusal(file)
    assert f"{file} row 1: the text is missing" in refusal(file, label="Ziel")
    assert "cannot be read as Parquet" in refusal(write("b.parquet", "text,label\n"))
    assert "cannot be read as Parquet" in refusal(write("c.parquet", ""))
