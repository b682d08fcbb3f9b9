"""The one sampler: many N-way K-shot tasks over one dataset, as tables of indices.

Sampled at once, with whole-array operations, from the raw bits of a counter-based generator:
the same seed gives the same table on every platform and whatever the number of workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fsl_nlp.errors import DataError
from fsl_nlp.folders import write_atomically
from fsl_nlp.json_text import parse_json
from fsl_nlp.reading import refuse_devices
from fsl_nlp.sampling import NOTHING, Draws, EpisodeSettings, Indices, Plan, make_distinct
from fsl_nlp.types import Dataset, Task

HASH_VERSION = 2
_CHUNK = 20_000  # episodes drawn together; bounds memory


@dataclass(frozen=True)
class EpisodeTable:
    """E episodes over one dataset. Numbers are indices in `dataset.examples` and its labels.

    `target` counts within the episode: 0 to N-1 is a class, N is none of the above.
    """

    classes: Indices  # [E, N]
    support: Indices  # [E, N, K], NOTHING where a class has fewer than K
    query: Indices  # [E, Q]
    target: Indices  # [E, Q]
    settings: dict[str, Any]
    dataset_hash: str

    @classmethod
    def sample(
        cls,
        dataset: Dataset,
        *,
        way: int | None,
        shot: int | tuple[int, int],
        query: int,
        episodes: int,
        seed: int = 0,
        na_rate: float = 0.0,
        imbalance: int | None = None,
    ) -> EpisodeTable:
        """Distinct episodes; within each, classes and examples are drawn without replacement.

        `way=None` takes every class. `shot=(1, 5)` draws the number of supports of each class.
        `query` is per class. `na_rate` adds int(na_rate * query) queries of other classes (none
        of the above), as FewRel 2.0 defines it. `imbalance=a` draws the numbers of queries from a
        Dirichlet distribution with parameter a (1 is very uneven, 100 nearly even).

        >>> data = Dataset.from_texts([f"{c}{i}" for c in "abc" for i in range(4)],
        ...                           [c for c in "abc" for i in range(4)])
        >>> table = EpisodeTable.sample(data, way=2, shot=1, query=2, episodes=3, seed=0)
        >>> table.support.shape, table.query.shape
        ((3, 2, 1), (3, 4))
        """
        shots = (shot, shot) if isinstance(shot, int) else shot
        checked = EpisodeSettings(way, shots, query, episodes, na_rate, imbalance)
        plan = Plan.of(dataset, checked)
        draws = Draws(seed)
        parts = [
            plan.draw(draws, min(_CHUNK, episodes - start)) for start in range(0, episodes, _CHUNK)
        ]
        arrays = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        arrays = make_distinct(arrays, plan, draws)
        settings = {
            "way": plan.way,
            "shot": shots[0] if shots[0] == shots[1] else list(shots),
            "query": query,
            "episodes": episodes,
            "seed": seed,
            "na_rate": na_rate,
            "imbalance": imbalance,
        }
        classes, support, query_table, target = arrays
        return cls(classes, support, query_table, target, settings, dataset_hash(dataset))

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def way(self) -> int:
        """N, the number of classes of an episode."""
        return self.classes.shape[1]

    @property
    def has_none_of_the_above(self) -> bool:
        """Whether some queries belong to no class of their episode."""
        return bool((self.target == self.way).any())

    @property
    def hash(self) -> str:
        """The name of these episodes over this dataset, with the version of the dataset's hash."""
        digest = hashlib.sha256(self.dataset_hash.encode())
        for array in (self.classes, self.support, self.query, self.target):
            digest.update(str(array.shape).encode() + array.astype("<i8").tobytes())
        return _with_version(digest.hexdigest()[:16], hash_version(self.dataset_hash))

    def check(self, dataset: Dataset) -> None:
        """Refuse a dataset that these episodes were not sampled from."""
        actual_hash = dataset_hash(dataset, hash_version(self.dataset_hash))
        if actual_hash != self.dataset_hash:
            raise DataError(
                f"These episodes are of another dataset (hash {self.dataset_hash}) than "
                f"{dataset.name} (hash {actual_hash}). Sample them again, or load the same files."
            )

    def tasks(self, dataset: Dataset) -> Iterator[Task]:
        """The episodes one by one, for methods that fit one task at a time."""
        for e in range(len(self)):
            yield self.task(dataset, e)

    def task(self, dataset: Dataset, e: int) -> Task:
        """Episode `e`. A none-of-the-above query keeps its label, which the support set lacks."""
        labels = tuple(dataset.labels[c] for c in self.classes[e])
        support = self.support[e].ravel()
        info = {label: dataset.info[label] for label in labels if label in dataset.info}
        query = self.query[e]

        def select(indices: Indices) -> Dataset:
            examples = tuple(dataset.examples[i] for i in indices if i != NOTHING)
            return Dataset(examples, labels, info, dataset.name)

        return Task(select(support), select(query))

    def save(self, path: str | Path) -> Path:
        """Write a safetensors file, with the settings in its header."""
        from safetensors.numpy import save

        arrays = {name: getattr(self, name).astype(np.int32) for name in _ARRAYS}
        header = {"settings": json.dumps(self.settings), "dataset_hash": self.dataset_hash}
        write_atomically(Path(path), save(arrays, metadata=header))
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> EpisodeTable:
        """A table that `save` wrote."""
        from safetensors import SafetensorError, safe_open

        refuse_devices(Path(path), str(path))
        try:
            with safe_open(str(path), framework="numpy") as file:
                header = file.metadata() or {}
                arrays = {name: file.get_tensor(name).astype(np.int64) for name in _ARRAYS}
            settings = dict(parse_json(header["settings"]))
            return cls(**arrays, settings=settings, dataset_hash=header["dataset_hash"])
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is no table of episodes: {error}.") from None

    def take(self, episodes: slice) -> EpisodeTable:
        """A slice of the episodes.

        >>> data = Dataset.from_texts(list("abcd"), list("AABB"))
        >>> table = EpisodeTable.sample(data, way=2, shot=1, query=1, episodes=4)
        >>> len(table.take(slice(0, 3)))
        3
        """
        return replace(self, **{name: getattr(self, name)[episodes] for name in _ARRAYS})


_ARRAYS = ("classes", "support", "query", "target")


def dataset_hash(dataset: Dataset, version: int = HASH_VERSION) -> str:
    """The version, "-" and sixteen hex digits that name all that an evaluation reads of a dataset.

    That is the examples in their order, with their candidates, and the labels with their names,
    descriptions and words. Version 1, of earlier tables and results, has no number in front; it
    does not see candidates and what is known of labels.

    >>> dataset_hash(Dataset.from_texts(["a"], ["x"]))[:2]
    '2-'
    """
    digest = hashlib.sha256()
    for example in dataset:
        fields: list[Any] = [
            example.text,
            example.text_b,
            example.head,
            example.tail,
            example.label,
        ]
        if version > 1:
            fields.append(example.candidates)
        digest.update(json.dumps(fields).encode() + b"\n")
    digest.update(json.dumps(list(dataset.labels)).encode())
    if version > 1:
        infos = [dataset.info.get(label) for label in dataset.labels]
        known = [info and [info.name, info.description, list(info.words)] for info in infos]
        digest.update(json.dumps(known).encode())
    return _with_version(digest.hexdigest()[:16], version)


def hash_version(digest: str) -> int:
    """The version in front of a hash.

    >>> hash_version("2-0123456789abcdef"), hash_version("0123456789abcdef")
    (2, 1)
    """
    version, dash, _ = digest.partition("-")
    return int(version) if dash and version.isdecimal() else 1


def _with_version(digits: str, version: int) -> str:
    return digits if version == 1 else f"{version}-{digits}"
