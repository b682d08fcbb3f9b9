"""Intents at the full label space: a few texts of every label, scored on the whole test file."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fsl_nlp.benchmarks.base import (
    UNLABELLED_HEADER,
    Benchmark,
    DataDir,
    Job,
    Published,
    Row,
    limit_setting,
    score_texts,
    setting,
    with_unlabelled,
)
from fsl_nlp.data import load_dataset
from fsl_nlp.data.catalogue import REGISTRY, Entry, find_entry
from fsl_nlp.errors import OptionError

_TASK = re.compile(r"(.+)-([1-9]\d*)-shot")
_TASKS = tuple(
    f"{name}-{shot}-shot" for name in ("banking77", "clinc150", "smp2017") for shot in (5, 10)
)


def _published(name: str, scores: str, source: str, remark: str = "") -> Published:
    """`scores` of banking77 and clinc150, 5 and 10 shots each; "-" where there is none."""
    pairs = zip(_TASKS, scores.split(), strict=False)
    return Published(name, {t: float(s) for t, s in pairs if s != "-"}, source, remark)


_README = "README of github.com/jianguoz/Few-Shot-Intent-Detection"


def read_task(task: str) -> tuple[str, int]:
    """Corpus and shot.

    >>> read_task("banking77-5-shot")
    ('banking77', 5)
    """
    match = _TASK.fullmatch(task)
    entry: Entry | None = REGISTRY.load(match[1]) if match and match[1] in REGISTRY else None
    if match is None or entry is None or not {"train", "test"} <= entry.splits.keys():
        raise OptionError(
            f"{task!r} is not a task of intents. Its tasks: {', '.join(_TASKS)}, and others of "
            "this form: a corpus with a train and a test file, and a number of shots."
        )
    return match[1], int(match[2])


@dataclass(frozen=True)
class Intents(Benchmark):
    """Learn from K texts of every label, drawn from the training file; score the whole test file.

    The split "train" draws the texts with the seed, another set for each run. The split "published"
    takes the 5- or 10-shot file of the corpus, and only the seed of the method changes.
    """

    name: ClassVar[str] = "intents"
    tasks: ClassVar[tuple[str, ...]] = _TASKS
    splits: ClassVar[tuple[str | int, ...]] = ("train", "published")
    default_splits: ClassVar[tuple[str | int, ...]] = ("train",)
    repeats: ClassVar[str] = "seeds"
    protocol: ClassVar[str] = (
        "Accuracy on the test file, the mean over {draws} seeds. The published systems learn from "
        "the 5- and 10-shot files of the corpus (--split published)."
    )
    default_method: ClassVar[str] = "linear"
    example: ClassVar[str] = "--task banking77-5-shot --split published"
    published: ClassVar[tuple[Published, ...]] = (
        _published("RoBERTa", "74.04 84.27 87.99 91.55", _README),
        _published("USE+ConveRT", "77.75 85.19 90.49 93.26", _README),
        _published("DNNC", "80.40 86.71 91.02 93.76", _README, "pretrained on NLI"),
        _published("CPFT", "80.86 87.20 92.34 94.18", _README, "reads unlabelled texts"),
        _published(
            "ICDA",
            "84.01 89.79 92.62 94.84",
            "Lin et al. 2023, arXiv 2302.05096",
            "learns also from texts that a large language model writes",
        ),
        _published(
            "LLaMA-2-70B",
            "- 92.11 - 95.36",
            "Milios et al. 2023, arXiv 2309.10954",
            "retrieval and in-context learning",
        ),
    )

    draws: int = setting(
        3, "Runs of each task, with the seeds from --seed upwards.", least=1, most=1000
    )
    unlabelled: int | None = setting(
        None,
        "Learn from so many unlabelled texts, too. They come from the training file.",
        least=0,
        flag="--unlabelled-count",
    )
    limit: int | None = limit_setting()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_unlabelled(self.unlabelled)

    def check_task(self, task: str) -> None:
        """Refuse a task that is not written CORPUS-K-shot."""
        read_task(task)

    def jobs(self, tasks: Sequence[str], splits: Sequence[str | int]) -> list[Job]:
        """One job for each task, split and seed."""
        seeds = range(self.seed, self.seed + self.draws)
        return [Job(task, split, seed) for task in tasks for split in splits for seed in seeds]

    def unsupported_reason(self, job: Job) -> str | None:
        """Why the split "published" has no such file; None where it has one."""
        name, shot = read_task(job.task)
        if job.split == "published" and f"train_{shot}" not in find_entry(name).splits:
            return f"the corpus has no {shot}-shot file; use --split train"
        return None

    def title(self, job: Job) -> str:
        """The task; the split "published" has rows of its own."""
        return job.task if job.split == "train" else f"{job.task}, published file"

    def published_key(self, job: Job) -> str:
        """The task, whatever the split."""
        return job.task

    def header(self) -> dict[str, Any]:
        """The settings without `draws`: with more draws the same progress file continues."""
        header = super().header()
        del header["draws"]  # more of them continue the same file
        return {**header, **(UNLABELLED_HEADER if self.unlabelled else {})}

    def test_data(self, job: Job) -> str:
        """The whole test file of the corpus."""
        return f"{read_task(job.task)[0]}:test"

    def run(self, job: Job, data_dir: DataDir, device: str) -> Row:
        """Learn from K texts of each label, and score the test file."""
        name, shot = read_task(job.task)
        started = time.perf_counter()
        train = load_dataset(f"{name}:train", data_dir=data_dir)
        if job.split == "published":
            support = load_dataset(f"{name}:train_{shot}", data_dir=data_dir)
        else:
            from fsl_nlp.splits import sample_shots

            support = sample_shots(train, shot, job.seed)
        test = load_dataset(self.test_data(job), data_dir=data_dir)
        left_out = 0
        if self.unlabelled:
            support, left_out = with_unlabelled(support, train, test, self.unlabelled, job.seed)
        classifier = self.build(self.options, support.texts, job.seed, device).fit(support)
        row = score_texts(classifier, test, self.limit, self.seed)
        encoder = self.encoder_for(support.texts)
        seconds = round(time.perf_counter() - started, 1)
        return {**row, "encoder": encoder, "left_out": left_out, "seconds": seconds}
