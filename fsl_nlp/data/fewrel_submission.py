"""FewRel's hidden test: reading its input files, writing the files that its leaderboard takes.

An input file, `test_wiki_input-{N}-{K}.json`, lists episodes of N relations with K sentences each
and one sentence to classify:

    [{"relation": [N ids], "meta_train": [N lists of K instances], "meta_test": instance}, ...]

The answer, `pred-{N}-{K}.json`, is one list: for each episode, the position of the relation in it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.data.fewrel import find_convention, read_instance
from fsl_nlp.errors import DataError
from fsl_nlp.folders import write_atomically
from fsl_nlp.reading import read_json
from fsl_nlp.types import Dataset, Example

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KEYS = ("relation", "meta_train", "meta_test")
_SIZES = re.compile(r"-(\d+)-(\d+)\.json$")
_SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class SubmissionEpisodes:
    """The episodes of an input file, as indices into a dataset that holds each instance once."""

    dataset: Dataset  # without labels: the file does not say which relation an instance has
    support: NDArray[np.int64]  # [E, N, K]
    query: NDArray[np.int64]  # [E, 1]
    relations: tuple[tuple[str, ...], ...]  # [E][N]

    @property
    def way(self) -> int:
        """The relations in an episode."""
        return int(self.support.shape[1])

    @property
    def shot(self) -> int:
        """The support instances of each relation."""
        return int(self.support.shape[2])

    def __len__(self) -> int:
        return len(self.query)


@dataclass(frozen=True, slots=True)
class _FirstUse:
    """An instance, and where the file has it first."""

    index: int  # in the dataset
    entry: int
    where: str
    instance: Any


def read_submission_episodes(path: str | Path) -> SubmissionEpisodes:
    """The episodes of `test_wiki_input-{N}-{K}.json`; an error names the entries that are wrong."""
    path = Path(path)
    entries = _read_list(path)
    way, shot = _sizes(path, entries)
    instances: dict[str, _FirstUse] = {}  # by content: an instance is part of many episodes
    table, relations = [], []
    problems: dict[int, str] = {}
    for number, entry in enumerate(entries):
        try:
            _check_shape(entry, way, shot)
        except ValueError as error:
            problems[number] = str(error)
            continue
        row = []
        for where, instance in _placed(entry):
            key = json.dumps(instance)
            if key not in instances:
                instances[key] = _FirstUse(len(instances), number, where, instance)
            row.append(instances[key].index)
        table.append(row)
        relations.append(tuple(entry["relation"]))
    examples = _read_instances(instances.values(), problems)
    if problems:
        raise DataError(_report(path, problems))
    import numpy as np

    index = np.array(table, dtype=np.int64)  # [E, N * K + 1]
    return SubmissionEpisodes(
        Dataset.from_examples(examples, name=path.stem),
        support=index[:, :-1].reshape(len(table), way, shot),
        query=index[:, -1:],
        relations=tuple(relations),
    )


def write_predictions(
    folder: str | Path,
    episodes: SubmissionEpisodes,
    predictions: Sequence[int] | NDArray[np.integer],
) -> Path:
    """Write `pred-{N}-{K}.json` into the folder: for each episode the relation's position."""
    chosen = [int(prediction) for prediction in predictions]
    if len(chosen) != len(episodes):
        raise DataError(f"{len(chosen)} predictions for {len(episodes)} episodes.")
    for number, prediction in enumerate(chosen):
        if not 0 <= prediction < episodes.way:
            raise DataError(
                f"Prediction {number} is {prediction}: it should be 0 to {episodes.way - 1}."
            )
    path = Path(folder) / f"pred-{episodes.way}-{episodes.shot}.json"
    write_atomically(path, json.dumps(chosen))
    return path


def zip_predictions(target: str | Path, files: Iterable[str | Path]) -> Path:
    """Write the zip that the leaderboard takes; the files lie at its top, sorted by name."""
    by_name = {Path(file).name: Path(file) for file in files}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(by_name.items()):
            # A fixed date, so that the same predictions give the same zip.
            archive.writestr(zipfile.ZipInfo(name), file.read_bytes(), zipfile.ZIP_DEFLATED)
    write_atomically(Path(target), content.getvalue())
    return Path(target)


def _read_list(path: Path) -> list[Any]:
    entries = read_json(path, str(path))
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{path} should hold a list of episodes, each with {', '.join(_KEYS)}.")
    return entries


def _read_instances(instances: Collection[_FirstUse], problems: dict[int, str]) -> list[Example]:
    """The examples; what cannot be read is added to the problems of its entry."""
    examples = []
    split_hyphens = find_convention(one.instance for one in instances)
    for one in instances:
        try:
            example = read_instance(one.instance, split_hyphens=split_hyphens)
            examples.append(replace(example, id=f"{one.entry}/{one.where}"))
        except ValueError as error:
            problems.setdefault(one.entry, f"{one.where}: {error}")
    return examples


def _sizes(path: Path, entries: list[Any]) -> tuple[int, int]:
    """Way and shot by the file's name; if it has none, by the first entry."""
    named = _SIZES.search(path.name)
    if named:
        return int(named[1]), int(named[2])
    try:
        return len(entries[0]["relation"]), len(entries[0]["meta_train"][0])
    except (TypeError, LookupError):
        raise DataError(f"{path}: entry 0 lacks some of the keys {', '.join(_KEYS)}.") from None


def _check_shape(entry: Any, way: int, shot: int) -> None:
    if not isinstance(entry, dict):
        raise ValueError("not a JSON object")
    missing = [key for key in _KEYS if key not in entry]
    if missing:
        raise ValueError(f"it has no {' and no '.join(map(repr, missing))}")
    relation, support = entry["relation"], entry["meta_train"]
    if not isinstance(relation, list) or not all(isinstance(name, str) for name in relation):
        raise ValueError("'relation' is not a list of strings")
    if not isinstance(support, list) or not all(isinstance(group, list) for group in support):
        raise ValueError("'meta_train' is not a list of lists")
    for key, value in (("relation", relation), ("meta_train", support)):
        if len(value) != way:
            raise ValueError(f"'{key}' has {len(value)} members, and the file is {way}-way")
    for position, group in enumerate(support):
        if len(group) != shot:
            raise ValueError(
                f"'meta_train' has {len(group)} instances of relation {position}, "
                f"and the file is {shot}-shot"
            )


def _placed(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The instances of an entry in the order of the table, with their position in the entry."""
    for relation, group in enumerate(entry["meta_train"]):
        for number, instance in enumerate(group):
            yield f"meta_train/{relation}/{number}", instance
    yield "meta_test", entry["meta_test"]


def _report(path: Path, problems: Mapping[int, str]) -> str:
    more = len(problems) - _SHOWN_PROBLEMS
    lines = [f"{path}: {len(problems)} of its entries cannot be used (counted from 0)."]
    shown = sorted(problems.items())[:_SHOWN_PROBLEMS]
    lines += [f"  entry {number}: {what}" for number, what in shown]
    return "\n".join(lines + ([f"  and {more} more"] if more > 0 else []))
