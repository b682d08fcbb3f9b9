"""The nouns that every part shares."""

from __future__ import annotations

import dataclasses

import pytest

from fsl_nlp import Dataset, Example, FslError, Task
from fsl_nlp.errors import DataError
from fsl_nlp.types import Label, LabelInfo, sort_labels


def test_examples_and_datasets_cannot_be_changed() -> None:
    data = Dataset.from_texts(["hi"], ["greet"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.examples[0].text = "bye"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.labels = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([10, 9, -1], (-1, 9, 10)),
        (["1", 1, "a", 0], (0, 1, "1", "a")),
        (["b", None, "a"], ("a", "b")),
    ],
)
def test_labels_are_distinct_and_sorted(
    labels: list[Label | None], expected: tuple[Label, ...]
) -> None:
    data = Dataset.from_texts([str(i) for i in range(len(labels))], labels)
    assert data.labels == expected
    assert data.targets == labels
    assert len(data) == len(labels) == len(list(data))


def test_whole_numbers_sort_as_numbers() -> None:
    assert sort_labels([10, 9, "10", "9"]) == [9, 10, "10", "9"]


def test_a_label_for_each_text() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Dataset.from_texts(["a", "b"], ["x"])


def test_known_targets_names_the_example_without_a_label() -> None:
    data = Dataset.from_texts(["first", "second"], ["x", None])
    with pytest.raises(DataError, match="no label: 'second'"):
        _ = data.known_targets
    with pytest.raises(DataError, match="no label: 'second'"):
        _ = data.class_indices
    assert Dataset.from_texts(["first"], ["x"]).known_targets == ["x"]


def test_info_and_name_are_kept() -> None:
    data = Dataset.from_examples(
        [Example("hi", "greet")], info={"greet": LabelInfo(name="greeting")}, name="mine"
    )
    assert (data.info["greet"].name, data.name) == ("greeting", "mine")


def test_class_names_of_a_table_become_labels() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    table = datasets.Dataset.from_dict(
        {"text": ["a", "b", "c"], "label": [1, 0, -1]}, features=features
    )
    assert Dataset.from_hf(table).targets == ["yes", "no", None]


def test_to_a_table_and_back() -> None:
    data = Dataset.from_texts(["a", "b", "c"], [3, 1, None])
    assert Dataset.from_hf(data.to_hf()) == data


def test_a_task_has_the_labels_of_its_support() -> None:
    support = Dataset.from_texts(["a", "b"], ["x", "y"])
    assert Task(support, Dataset.from_texts(["c"], ["x"])).labels == ("x", "y")


def test_every_error_of_ours_has_one_base_and_a_builtin_one() -> None:
    from fsl_nlp import errors

    bases = {
        "OptionError": ValueError,
        "DataError": ValueError,
        "ModelError": RuntimeError,
        "MissingExtraError": ImportError,
        "ArtifactError": RuntimeError,
    }
    for name, base in bases.items():
        assert issubclass(getattr(errors, name), FslError)
        assert issubclass(getattr(errors, name), base)


def test_a_dataset_is_divided() -> None:
    data = Dataset((Example("one", "a"), Example("two"), Example("three", "b")), ("a", "b"))
    labelled, unlabelled = data.labelled, data.unlabelled
    assert [e.text for e in labelled] == ["one", "three"]
    assert [e.text for e in unlabelled] == ["two"]
    assert labelled.labels == data.labels
