"""FewRel (Han et al. 2018; Gao et al. 2019): N-way K-shot episodes of relations not seen before."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fsl_nlp.benchmarks.base import Benchmark, DataDir, Job, Published, Row, setting
from fsl_nlp.data import load_dataset
from fsl_nlp.errors import DataError, OptionError

if TYPE_CHECKING:
    from fsl_nlp.evaluation.method_spec import MethodSpec
    from fsl_nlp.types import Dataset

_TASK = re.compile(r"([1-9]\d*)-way-([1-9]\d*)-shot")
_TASKS = ("5-way-1-shot", "5-way-5-shot", "10-way-1-shot", "10-way-5-shot")


def _published(
    name: str, scores: str, source: str, remark: str, pubmed: str = "- - - -"
) -> Published:
    """`scores` on val_wiki, and on val_pubmed, in the order of the tasks; "-" for none."""
    titles = [f"{task} {split}" for split in ("val_wiki", "val_pubmed") for task in _TASKS]
    pairs = zip(titles, f"{scores} {pubmed}".split(), strict=True)
    named = {title: float(score) for title, score in pairs if score != "-"}
    return Published(name, named, source, remark)


_TOOLKIT = "README of github.com/thunlp/FewRel"
_HIDDEN = "hidden test, not val_wiki; trained on train_wiki"
_VALIDATION = "trained on train_wiki"


def read_task(task: str) -> tuple[int, int]:
    """Way and shot.

    >>> read_task("5-way-1-shot")
    (5, 1)
    """
    match = _TASK.fullmatch(task)
    if match is None:
        raise OptionError(
            f"{task!r} is not a task of fewrel. Its tasks: {', '.join(_TASKS)}, and other numbers "
            "of this form."
        )
    return int(match[1]), int(match[2])


@dataclass(frozen=True)
class FewRel(Benchmark):
    """Relations between two marked mentions: N-way K-shot episodes of classes not seen before.

    The accuracy is the mean over episodes. Classes of the split are left out of the sources.
    """

    name: ClassVar[str] = "fewrel"
    tasks: ClassVar[tuple[str, ...]] = _TASKS
    splits: ClassVar[tuple[str | int, ...]] = ("val_wiki", "val_nyt", "val_semeval", "val_pubmed")
    default_splits: ClassVar[tuple[str | int, ...]] = ("val_wiki",)
    protocol: ClassVar[str] = "Mean accuracy of {episodes:,} episodes with {query} queries a class."
    unit: ClassVar[str] = "episodes"
    example: ClassVar[str] = "--task 5-way-1-shot --episodes 1000"
    published: ClassVar[tuple[Published, ...]] = (
        _published("Proto-CNN", "69.20 84.79 56.44 75.55", _TOOLKIT, _VALIDATION),
        _published(
            "BERT-PAIR",
            "85.66 89.48 76.84 81.76",
            _TOOLKIT,
            _VALIDATION,
            pubmed="70.70 80.59 59.52 70.30",
        ),
        _published(
            "SimpleFSRE",
            "91.29 94.05 86.09 89.68",
            "Liu et al. 2022, arXiv 2205.09536",
            f"BERT base; reads relation descriptions; {_VALIDATION}",
        ),
        _published("Proto-BERT", "80.68 89.60 71.48 82.89", _TOOLKIT, _HIDDEN),
        _published(
            "MTB",
            "93.86 97.06 89.20 94.27",
            "Baldini Soares et al. 2019, arXiv 1906.03158",
            f"BERT large; {_HIDDEN}",
        ),
        _published(
            "human",
            "92.22 - 85.88 -",
            "Han et al. 2018, arXiv 1810.10147",
            "hidden test, not val_wiki",
        ),
    )

    episodes: int = setting(10_000, "Number of episodes. For each task.", least=2)
    query: int = setting(5, "Query examples of each class.", least=1)
    label_names: bool = setting(False, "Each label name is one more support example.")
    label_descriptions: bool = setting(False, "Each label description is one more support example.")
    source: tuple[str, ...] = setting(
        (), "Data with other classes to train the head on first. May be repeated.", parse=tuple
    )

    def check_task(self, task: str) -> None:
        """Refuse a task that is not written N-way-K-shot."""
        read_task(task)

    def title(self, job: Job) -> str:
        """The task with its split."""
        return f"{job.task} {job.split}"

    def header(self) -> dict[str, Any]:
        """The settings; earlier versions centred vectors on the test."""
        return {**super().header(), "centre": "of each episode"}

    def test_data(self, job: Job) -> str:
        """The file of the split."""
        return f"fewrel:{job.split}"

    def run(self, job: Job, data_dir: DataDir, device: str) -> Row:
        """The mean accuracy over the episodes of one task."""
        from fsl_nlp.episodes import EpisodeTable
        from fsl_nlp.evaluation.evaluator import evaluate
        from fsl_nlp.output import without_nan

        started = time.perf_counter()
        data = load_dataset(self.test_data(job), data_dir=data_dir)
        way, shot = read_task(job.task)
        table = EpisodeTable.sample(
            data, way=way, shot=shot, query=self.query, episodes=self.episodes, seed=job.seed
        )
        spec = self._spec(data, device)
        result = evaluate(spec, data, table, source=self._source(data, data_dir))
        row = {
            "accuracy": result.accuracy.value,
            "half_width": result.accuracy.half_width,
            "interval": result.accuracy.interval,
            "interval_over": f"{len(table):,} episodes",
            "count": len(table),
            "episode_hash": result.episode_hash,
            "statistics": result.settings.get("statistics"),
            "transductive": bool(result.settings.get("transductive")),
            "encoder": spec.encoder,
            "seconds": round(time.perf_counter() - started, 1),
        }
        return dict(without_nan(row))

    def write_submission(
        self, folder: Path, tasks: Sequence[str], split: str | int, data_dir: DataDir, device: str
    ) -> list[Path]:
        """Answers to the official files `fewrel/test_wiki_input-N-K.json` of the data folder."""
        from fsl_nlp.data.catalogue import data_folder

        root = data_folder(data_dir)
        if root is None:
            raise DataError("No data folder is set. Set FSL_NLP_DATA, or pass it as data_dir.")
        names = ["test_wiki_input-{}-{}.json".format(*read_task(task)) for task in tasks]
        files = [root / "fewrel" / name for name in names]
        if missing := [str(file) for file in files if not file.is_file()]:
            raise DataError(
                f"Input files of the leaderboard are missing: {', '.join(missing)}. Put them there."
            )
        return self.predict_files(files, folder, data_dir, device)

    def predict_files(
        self, files: Sequence[Path], folder: Path, data_dir: DataDir = None, device: str = "auto"
    ) -> list[Path]:
        """Write `pred-N-K.json` for each of the leaderboard's input files."""
        from fsl_nlp.data import read_submission_episodes, write_predictions
        from fsl_nlp.evaluation.submission import predict_submission

        written = []
        for file in files:
            episodes = read_submission_episodes(file)
            source = self._source(None, data_dir)
            spec = self._spec(episodes.dataset, device)
            predictions = predict_submission(spec, episodes, source=source)
            written.append(write_predictions(folder, episodes, predictions))
        return written

    def _spec(self, data: Dataset, device: str) -> MethodSpec:
        from fsl_nlp.evaluation.method_spec import MethodSpec
        from fsl_nlp.methods.info import label_text_options

        texts = label_text_options(
            self.method, label_names=self.label_names, descriptions=self.label_descriptions
        )
        options = {**texts, **self.options}
        return MethodSpec(self.method, self.encoder_for(data.texts), options, self.seed, device)

    def _source(self, data: Dataset | None, data_dir: DataDir) -> Dataset | None:
        """The source data, without the classes of `data`."""
        from fsl_nlp.evaluation.sources import load_sources
        from fsl_nlp.splits import drop_shared

        source = load_sources(self.source, data_dir)
        return drop_shared(source, data) if source and data else source
