"""Class-disjoint parts, shots, and leakage."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.splits import (
    draw_stratified,
    drop_shared,
    keep_classes,
    refuse_leakage,
    sample_shots,
    shared_classes,
    split_classes,
    without_small_classes,
)
from fsl_nlp.types import Dataset, Example, Label, LabelInfo

CLASSES = ["refund", "track_order", "退货", "查询物流", "log_in", 7, "voucher", "hello"]


@pytest.fixture
def data() -> Dataset:
    """Eight classes of 1 to 8 texts, one after the other in turn."""
    examples = [
        Example(f"{label} {i}", label, id=f"{label}/{i}")
        for i in range(len(CLASSES))
        for label in CLASSES[i:]
    ]
    info: dict[Label, LabelInfo] = {
        "退货": LabelInfo(description="把商品退回"),
        7: LabelInfo("seven"),
    }
    return Dataset.from_examples(examples, info=info, name="shop")


# split_classes


@pytest.mark.parametrize("seed", range(5))
def test_parts_share_no_class_and_every_example_goes_with_its_class(
    data: Dataset, seed: int
) -> None:
    parts = split_classes(data, train=3, validation=2, test=3, seed=seed)
    datasets = [parts.train, parts.validation, parts.test]
    assert [len(part.labels) for part in datasets] == [3, 2, 3]
    assert set().union(*(part.labels for part in datasets)) == set(data.labels)
    for part in datasets:
        assert part.examples == tuple(e for e in data if e.label in part.labels)  # in order
        assert part.labels == tuple(label for label in data.labels if label in part.labels)
        assert part.info.keys() == data.info.keys() & set(part.labels)
        assert part.name == "shop"
    refuse_leakage(parts.train, parts.test)


def test_the_seed_decides_the_classes(data: Dataset) -> None:
    splits = [split_classes(data, train=3, validation=2, test=3, seed=s) for s in (0, 0, 1, 2, 3)]
    assert splits[0] == splits[1]
    assert len({split.train.labels for split in splits}) > 2
    # Fixed, so that a split drawn today is that of tomorrow and of another platform.
    assert splits[0].test.labels == ("refund", "查询物流", "退货")


def test_classes_may_be_left_over_and_parts_empty(data: Dataset) -> None:
    parts = split_classes(data, train=4, validation=0, test=2)
    assert [len(p.labels) for p in (parts.train, parts.validation, parts.test)] == [4, 0, 2]
    assert parts.validation.examples == ()


@pytest.mark.parametrize("counts", [(5, 2, 2), (-1, 2, 2), (9, 0, 0)])
def test_more_classes_than_there_are_is_refused(
    data: Dataset, counts: tuple[int, int, int]
) -> None:
    train, validation, test = counts
    message = f"{train} + {validation} + {test} classes asked for; shop has 8."
    with pytest.raises(DataError, match=re.escape(message)):
        split_classes(data, train=train, validation=validation, test=test)


# keep_classes


def test_kept_classes_keep_their_order_and_what_is_known_of_them(data: Dataset) -> None:
    kept = keep_classes(data, ["退货", 7, "nowhere"])
    assert kept.labels == tuple(label for label in data.labels if label in ("退货", 7))
    assert kept.examples == tuple(e for e in data if e.label in ("退货", 7))
    assert kept.info == data.info
    assert keep_classes(data, ["hello"]).info == {}


# sample_shots


@pytest.mark.parametrize("shots", [1, 3, 8, 100])
def test_at_most_so_many_of_each_class(data: Dataset, shots: int) -> None:
    few = sample_shots(data, shots, seed=2)
    for size, label in enumerate(CLASSES, 1):
        taken = [e for e in few if e.label == label]
        assert len(taken) == min(shots, size)
        assert set(taken) <= set(data)
    indices = [data.examples.index(e) for e in few]
    assert indices == sorted(indices)
    assert (few.labels, few.info) == (data.labels, data.info)


def test_every_example_of_a_class_has_its_chance(data: Dataset) -> None:
    drawn = {e for seed in range(60) for e in sample_shots(data, 1, seed) if e.label == "hello"}
    assert len(drawn) == 8
    assert sample_shots(data, 2, 5) == sample_shots(data, 2, 5)


@pytest.mark.parametrize("shots", [0, -3])
def test_no_shots_are_refused(data: Dataset, shots: int) -> None:
    with pytest.raises(OptionError, match=rf"shots={shots} \(--shot\): must be at least 1"):
        sample_shots(data, shots)


# draw_stratified


@pytest.mark.parametrize("count", [1, 7, 20, 36, 100])
def test_a_sample_of_a_sorted_file_has_every_label_in_proportion(data: Dataset, count: int) -> None:
    by_label = replace(data, examples=tuple(sorted(data, key=lambda e: str(e.label))))
    sample = draw_stratified(by_label, count, seed=3)
    size = min(count, len(data))
    assert len(sample) == len(set(sample)) == size
    for label in data.labels:
        expected = size * data.targets.count(label) / len(data)
        assert abs(sample.targets.count(label) - expected) < 1
    indices = [by_label.examples.index(e) for e in sample]
    assert indices == sorted(indices)
    assert (sample.labels, sample.info) == (data.labels, data.info)
    assert draw_stratified(by_label, count, seed=3) == sample


def test_every_example_is_as_likely_to_be_drawn(data: Dataset) -> None:
    draws = 1500
    counts = Counter(e for seed in range(draws) for e in draw_stratified(data, 9, seed))
    rate = 9 / len(data)
    error = (rate * (1 - rate) / draws) ** 0.5
    assert all(abs(counts[e] / draws - rate) < 4 * error for e in data)


# leakage


@pytest.fixture
def other() -> Dataset:
    """Shares three classes with `data`, each spelled in another way, and 退货 to the letter."""
    info: dict[Label, LabelInfo] = {"P7": LabelInfo("Log In"), "P8": LabelInfo("Logging")}
    labels = ["Track-Order", "REFUND", "P7", "P8", "退货", "退款", "farewell"]
    return Dataset.from_examples(
        [Example(f"x {label}", label) for label in labels], info=info, name="bank"
    )


def test_shared_classes_are_found_by_their_names_in_words(data: Dataset, other: Dataset) -> None:
    assert set(shared_classes(data, other)) == {"Track-Order", "REFUND", "P7", "退货"}
    # As the second dataset spells them.
    assert set(shared_classes(other, data)) == {"track_order", "refund", "log_in", "退货"}
    assert shared_classes(keep_classes(data, ["voucher", 7]), other) == []


def test_numbers_are_names_too(data: Dataset) -> None:
    numbers = Dataset.from_examples([Example("a", 7), Example("b", 8)])
    assert shared_classes(numbers, numbers) == [7, 8]


def test_a_label_without_a_name_is_shared_as_it_is_spelled() -> None:
    """A file of FewRel with its names beside it, and one without."""
    examples = [Example("x", "P26"), Example("y", "P931")]
    info: dict[Label, LabelInfo] = {"P26": LabelInfo("spouse"), "P931": LabelInfo("airport of")}
    named = Dataset.from_examples(examples, info=info, name="named")
    bare = Dataset.from_examples(examples[:1], name="bare")
    assert shared_classes(named, bare) == shared_classes(bare, named) == ["P26"]
    # Two names that differ are two classes, whatever the numbers of either corpus are.
    other = Dataset.from_examples(examples, info={k: LabelInfo(f"my {k}") for k in info})
    assert shared_classes(named, other) == []


def test_shared_classes_can_be_dropped(data: Dataset, other: Dataset) -> None:
    left = drop_shared(data, other)
    assert set(left.labels) == {"查询物流", 7, "voucher", "hello"}
    assert left.examples == tuple(e for e in data if e.label in left.labels)
    refuse_leakage(left, other)
    assert drop_shared(left, other) == left


def test_leakage_is_refused_by_name(data: Dataset, other: Dataset) -> None:
    with pytest.raises(DataError) as said:
        refuse_leakage(data, other)
    message = str(said.value)
    assert message.startswith("Leakage: shop and bank share 4 classes (")
    for label in ("Track-Order", "REFUND", "P7", "退货"):
        assert label in message
    assert "farewell" not in message
    assert "Leave them out of shop" in message


def test_of_many_shared_classes_ten_are_named() -> None:
    many = Dataset.from_examples([Example("x", f"class {i:02}") for i in range(14)], name="many")
    with pytest.raises(DataError, match=r"share 14 classes \(class 00, .*class 09, \.\.\.\)"):
        refuse_leakage(many, many)


def test_small_classes_are_left_out() -> None:
    data = Dataset.from_texts(["a", "b", "c", "d", "e"], ["x", "x", "y", "z", "z"])
    kept, left_out = without_small_classes(data, 2)
    assert (kept.labels, left_out) == (("x", "z"), ("y",))
    assert kept.texts == ["a", "b", "d", "e"]
    assert without_small_classes(data, 1) == (data, ())
    everything, all_labels = without_small_classes(data, 3)
    assert (len(everything), all_labels) == (0, data.labels)
