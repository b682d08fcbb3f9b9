"""Episodes: distinct, without replacement, the same everywhere, and refused when impossible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_nlp.episodes import EpisodeTable, dataset_hash
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.sampling import NOTHING
from fsl_nlp.types import Dataset, LabelInfo


def corpus(sizes: list[int]) -> Dataset:
    pairs = [(f"文 {c} {i}", f"class {c:02d}") for c, size in enumerate(sizes) for i in range(size)]
    return Dataset.from_texts([text for text, _ in pairs], [label for _, label in pairs])


@pytest.fixture(scope="module")
def data() -> Dataset:
    return corpus([30, 12, 20, 25, 14, 30])


def labels_of(data: Dataset, indices: np.ndarray) -> np.ndarray:
    classes = np.array([data.labels.index(t) for t in data.targets])
    return np.where(indices == NOTHING, NOTHING, classes[indices])


def test_every_row_is_an_episode_as_defined(data: Dataset) -> None:
    table = EpisodeTable.sample(data, way=3, shot=4, query=5, episodes=500, seed=3)
    assert table.support.shape == (500, 3, 4)
    assert table.query.shape == table.target.shape == (500, 15)
    assert (np.sort(table.classes, 1)[:, 1:] > np.sort(table.classes, 1)[:, :-1]).all()
    assert (labels_of(data, table.support) == table.classes[..., None]).all()
    classes = np.take_along_axis(table.classes, table.target, 1)
    assert (labels_of(data, table.query) == classes).all()
    everything = np.concatenate([table.support.reshape(500, -1), table.query], 1)
    assert all(len(set(row)) == len(row) for row in everything.tolist())


def test_classes_and_examples_come_up_equally_often(data: Dataset) -> None:
    table = EpisodeTable.sample(data, way=3, shot=2, query=2, episodes=6000, seed=0)
    counts = np.bincount(table.classes.ravel(), minlength=6)
    assert np.abs(counts / 3000 - 1).max() < 0.06
    for indices in (table.support, table.query):  # neither part prefers some examples
        first = indices.ravel()[labels_of(data, indices).ravel() == 0]
        seen = np.bincount(first, minlength=30)[:30]
        assert abs(seen / seen.mean() - 1).max() < 0.25


def test_the_same_seed_gives_the_same_table_and_it_is_this_one(data: Dataset) -> None:
    one, two, other = (
        EpisodeTable.sample(data, way=3, shot=1, query=2, episodes=50, seed=seed)
        for seed in (7, 7, 8)
    )
    assert one.hash == two.hash != other.hash
    # Frozen: a change of platform, of numpy or of the sampler must not change published numbers.
    earlier = replace(one, dataset_hash=dataset_hash(data, 1))
    assert earlier.hash == "03a9712027333fc8"
    earlier.check(data)
    assert one.hash.startswith("2-")


def test_episodes_are_distinct_even_where_few_exist() -> None:
    tiny = corpus([2, 2])
    # 2 classes x 2 supports each x the 1 left query each: 4 episodes and not one more.
    table = EpisodeTable.sample(tiny, way=2, shot=1, query=1, episodes=4, seed=0)
    assert len({tuple(np.sort(row.ravel())) for row in table.support}) == 4
    with pytest.raises(DataError, match="fewer than 5 different episodes"):
        EpisodeTable.sample(tiny, way=2, shot=1, query=1, episodes=5, seed=0)


def test_uneven_shots_use_the_whole_range(data: Dataset) -> None:
    table = EpisodeTable.sample(data, way=3, shot=(1, 4), query=3, episodes=400, seed=1)
    shots = (table.support != NOTHING).sum(2)
    assert set(shots.ravel().tolist()) == {1, 2, 3, 4}
    assert (labels_of(data, table.support).max(2) == table.classes).all()


def test_imbalanced_queries_keep_their_number_and_stay_within_each_class() -> None:
    data = corpus([9, 60, 60])
    table = EpisodeTable.sample(data, way=3, shot=3, query=6, episodes=300, seed=1, imbalance=1)
    assert table.query.shape == (300, 18)
    classes = np.take_along_axis(table.classes, table.target, 1)
    assert (labels_of(data, table.query) == classes).all()
    counts = np.stack([(classes == c).sum(1) for c in range(3)], 1)
    assert counts[:, 0].max() <= 6  # class 0 has 9 examples, 3 of them supports
    assert counts.std() > 3  # even sharing has 0
    even = EpisodeTable.sample(data, way=3, shot=3, query=6, episodes=300, seed=1, imbalance=1000)
    classes = np.take_along_axis(even.classes, even.target, 1)
    assert np.stack([(classes == c).sum(1) for c in range(3)], 1).std() < counts.std()


def test_all_way_takes_every_class(data: Dataset) -> None:
    table = EpisodeTable.sample(data, way=None, shot=2, query=1, episodes=5)
    assert (np.sort(table.classes, 1) == np.arange(6)).all()


def test_none_of_the_above_queries_are_of_other_classes_and_differ(data: Dataset) -> None:
    table = EpisodeTable.sample(data, way=4, shot=1, query=4, episodes=300, na_rate=1.9)
    assert table.query.shape == (300, 16 + 7)  # int(1.9 * 4) more
    foreign = labels_of(data, table.query[:, 16:])
    assert (table.target[:, 16:] == 4).all()
    assert not (foreign[..., None] == table.classes[:, None]).any()
    assert all(len(set(row)) == 7 for row in table.query[:, 16:].tolist())


def test_tasks_are_what_the_table_says(data: Dataset) -> None:
    table = EpisodeTable.sample(data, way=2, shot=3, query=2, episodes=3, na_rate=0.5)
    task = table.task(data, 1)
    assert task.labels == tuple(data.labels[c] for c in table.classes[1])
    assert [example.label for example in task.support] == [
        label for label in task.labels for _ in range(3)
    ]
    assert task.query.examples[0].label == task.labels[0]
    assert task.query.examples[-1].label not in task.labels


def test_saved_tables_come_back_and_know_their_dataset(data: Dataset, tmp_path: Path) -> None:
    table = EpisodeTable.sample(data, way=2, shot=(1, 2), query=2, episodes=9, seed=5)
    again = EpisodeTable.load(table.save(tmp_path / "episodes.safetensors"))
    assert again.hash == table.hash
    assert again.settings == table.settings
    again.check(data)
    with pytest.raises(DataError, match="of another dataset"):
        again.check(corpus([30, 12]))
    (tmp_path / "broken").write_bytes(b"no table")
    with pytest.raises(DataError, match="no table of episodes"):
        EpisodeTable.load(tmp_path / "broken")
    with pytest.raises(DataError, match="missing cannot be read: No such file"):
        EpisodeTable.load(tmp_path / "missing")


def test_the_hash_of_a_dataset_sees_texts_and_their_order(data: Dataset) -> None:
    turned = Dataset(data.examples[::-1], data.labels)
    assert (
        dataset_hash(turned) != dataset_hash(data) == dataset_hash(corpus([30, 12, 20, 25, 14, 30]))
    )


def test_the_hash_of_a_dataset_sees_candidates_and_what_is_known_of_labels(data: Dataset) -> None:
    label = data.labels[0]
    changes = [
        replace(data, info={label: LabelInfo(name="another name")}),
        replace(data, info={label: LabelInfo(description="what it means")}),
        replace(data, info={label: LabelInfo(words=("word",))}),
        replace(data, examples=(replace(data.examples[0], candidates=("a",)), *data.examples[1:])),
    ]
    hashes = [dataset_hash(each) for each in (data, *changes)]
    assert len(set(hashes)) == 5
    assert {digest[:2] for digest in hashes} == {"2-"}
    # Version 1 does not see them.
    assert len({dataset_hash(each, 1) for each in (data, *changes)}) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"way": 7}, "7-way episodes need 7 classes; data has 6"),
        ({"way": 6, "na_rate": 1.0}, "one more for none-of-the-above"),
        ({"shot": 10}, "'class 01' has 12"),
        ({"way": 0}, "way=0"),
        ({"shot": (3, 1)}, "must not be above"),
        ({"episodes": 0}, "episodes=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_what_cannot_be_sampled_is_refused_by_name(
    data: Dataset, changes: dict, message: str
) -> None:
    settings = {"way": 3, "shot": 1, "query": 3, "episodes": 4, **changes}
    with pytest.raises((DataError, OptionError), match=message.replace("(", r"\(")):
        EpisodeTable.sample(data, **settings)


def test_one_class_is_no_corpus_for_episodes() -> None:
    with pytest.raises(DataError, match="has 1 class"):
        EpisodeTable.sample(corpus([9]), way=1, shot=1, query=1, episodes=1)
