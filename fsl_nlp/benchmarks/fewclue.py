"""FewCLUE (Xu et al. 2021, arXiv 2107.07498): nine Chinese tasks, five splits of each.

Learn from train_i, choose among settings on dev_i, score test_public; the mean over i.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

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
from fsl_nlp.data import CATALOGUE, load_dataset
from fsl_nlp.data.fewclue_prompts import task_prompts
from fsl_nlp.data.fewclue_submission import TASKS, write_fewclue
from fsl_nlp.errors import OptionError
from fsl_nlp.json_text import parse_json

if TYPE_CHECKING:
    from fsl_nlp.methods.base import Classifier
    from fsl_nlp.types import Dataset, Example


def takes_candidates(method: str) -> bool:
    """Whether a method can choose among the candidates that each example brings.

    >>> takes_candidates("proto"), takes_candidates("linear")
    (True, False)
    """
    from fsl_nlp.inputs.kinds import CANDIDATES
    from fsl_nlp.methods import method_class

    return CANDIDATES in method_class(method).takes(method)


def _published(name: str, scores: str) -> Published:
    return Published(
        name,
        dict(zip(TASKS, map(float, scores.split()), strict=True)),
        source="Xu et al. 2021, arXiv 2107.07498, Table 3",
        remark="test_public; chinese_roberta_wwm_ext, 12 layers, 102 million parameters",
    )


def parse_choices(pairs: Sequence[str]) -> dict[str, list[Any]]:
    """Options with the values to choose from.

    >>> parse_choices(["epochs=[5, 10]"])
    {'epochs': [5, 10]}
    """
    choices: dict[str, list[Any]] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            values = parse_json(text)
        except ValueError:
            values = None
        if not name.isidentifier() or not isinstance(values, list) or not values:
            raise OptionError(f"--choose {pair}: write it as NAME=[VALUE, VALUE], in JSON.")
        choices[name] = values
    return choices


@dataclass(frozen=True)
class Fitted:
    """A classifier, and how it was chosen."""

    classifier: Classifier
    chosen: dict[str, Any]
    dev_accuracy: float | None  # None: there was nothing to choose
    tried: int
    left_out: int  # unlabelled texts that stand in the test


@dataclass(frozen=True)
class FewClue(Benchmark):
    """Learn from train_i, choose on dev_i, score test_public; the mean over i."""

    name: ClassVar[str] = "fewclue"
    tasks: ClassVar[tuple[str, ...]] = TASKS
    splits: ClassVar[tuple[str | int, ...]] = (0, 1, 2, 3, 4)
    default_splits: ClassVar[tuple[str | int, ...]] = splits
    protocol: ClassVar[str] = "Accuracy on {scored_on}, the mean over the splits."
    default_method: ClassVar[str] = "pet"
    example: ClassVar[str] = "--method pet --encoder embedded:mlm"
    published: ClassVar[tuple[Published, ...]] = (
        _published("majority", "50.0 1.5 6.7 0.8 38.1 50.0 50.0 14.3 50.0"),
        _published("fine-tuning", "65.4 35.5 49.0 32.8 33.0 60.7 50.0 14.9 55.6"),
        _published("zero-shot", "85.2 12.6 25.3 27.7 40.3 50.6 52.2 57.6 50.0"),
        _published("pet", "86.7 51.7 54.5 46.0 44.0 56.0 59.4 61.2 57.5"),
        _published("lm-bff", "85.6 54.4 53.0 47.1 41.6 57.6 51.7 61.2 54.7"),
        _published("p-tuning", "88.3 56.0 54.2 57.6 41.9 60.9 62.9 59.3 58.1"),
        _published("efl", "84.9 45.0 52.1 42.7 66.2 71.8 56.6 30.9 53.0"),
        _published("human", "90.0 68.0 71.0 66.0 90.3 88.0 84.0 87.1 98.0"),
    )

    choices: Mapping[str, Sequence[Any]] = setting(
        {},
        "NAME=[VALUE, VALUE]: dev_i chooses. May be repeated.",
        flag="--choose",
        parse=parse_choices,
    )
    patterns: int | None = setting(None, "Use only the first so many patterns of a task.", least=1)
    unlabelled: int | None = setting(
        None,
        "Learn from so many unlabelled texts, too. The default is 2000 with pet, else 0.",
        least=0,
        flag="--unlabelled-count",
    )
    limit: int | None = limit_setting()
    score: str = setting("test_public", "'test_public', or 'dev' where that is not at hand.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.score not in ("test_public", "dev"):
            raise OptionError(f"score={self.score!r}: choose 'test_public' or 'dev'.")
        if self.score == "dev" and self.choices:
            raise OptionError(
                "score='dev': dev_i cannot both choose and be scored. Leave the choices out."
            )
        if overlap := self.choices.keys() & self.options.keys():
            raise OptionError(f"{min(overlap)} has both a value and choices. Give one of them.")
        self.check_unlabelled(self.unlabelled)

    def default_encoder(self) -> str:
        """A masked model where the method needs one, else the multilingual encoder."""
        return "embedded:mlm" if self.kind.needs_masked_model else "embedded:multilingual"

    @property
    def unlabelled_count(self) -> int:
        """How many unlabelled texts the method learns from."""
        return self.kind.default_unlabelled if self.unlabelled is None else self.unlabelled

    def settings(self) -> dict[str, Any]:
        """The settings, with the number of unlabelled texts and the file that is scored."""
        return {**asdict(self), "unlabelled": self.unlabelled_count, "scored_on": self.score}

    def header(self) -> dict[str, Any]:
        """Only the settings: progress files from before benchmarks had names still continue."""
        header = super().header()
        del header["benchmark"]
        return {**header, **(UNLABELLED_HEADER if self.unlabelled_count else {})}

    def unsupported_reason(self, job: Job) -> str | None:
        """Why the method cannot learn `chid`; None for all other tasks."""
        if job.task != "chid" or self.kind.takes_template:
            return None
        if not takes_candidates(self.method):
            from fsl_nlp.methods import METHODS

            return (
                "the label is the position of a candidate, and the method needs labels that mean "
                "the same for every example; use " + ", ".join(filter(takes_candidates, METHODS))
            )
        if self.unlabelled_count:
            return (
                f"{self.method!r} takes the nearest candidate, and does not learn from "
                "unlabelled texts"
            )
        return None

    def test_data(self, job: Job) -> str:
        """`test_public`, or the dev file of the split."""
        split = f"dev_{job.split}" if self.score == "dev" else "test_public"
        return f"{job.task}:{split}"

    def run(self, job: Job, data_dir: DataDir, device: str) -> Row:
        """Learn from train_i, choose on dev_i, score the test file."""
        started = time.perf_counter()
        test = self._read(self.test_data(job), data_dir)
        fitted = self.fit(job.task, job.split, data_dir, device, test=test)
        return {
            **score_texts(fitted.classifier, test, self.limit, self.seed),
            "encoder": self.encoder,
            "dev_accuracy": fitted.dev_accuracy,
            "chosen": fitted.chosen,
            "tried": fitted.tried,
            "left_out": fitted.left_out,
            "seconds": round(time.perf_counter() - started, 1),
        }

    def write_submission(
        self, folder: Path, tasks: Sequence[str], split: str | int, data_dir: DataDir, device: str
    ) -> list[Path]:
        """A file for each task: the answers to its hidden `test`."""
        written = []
        for task in tasks:
            test = load_dataset(f"{task}:test", labelled=False, data_dir=data_dir)
            fitted = self.fit(task, split, data_dir, device, test=test)
            answers = fitted.classifier.predict([self._readable(e, task) for e in test])
            written.append(write_fewclue(folder, task, test.examples, answers))
        return written

    def fit(
        self,
        task: str,
        split: str | int,
        data_dir: DataDir,
        device: str = "auto",
        *,
        test: Dataset,
    ) -> Fitted:
        """The classifier that is learned from train_i and has the highest accuracy on dev_i.

        Texts of `test` are left out of the unlabelled file.
        """
        support = self._read(f"{task}:train_{split}", data_dir)
        dev = self._read(f"{task}:dev_{split}", data_dir)
        left_out = 0
        if self.unlabelled_count and "unlabeled" in CATALOGUE[task].splits:
            texts = load_dataset(f"{task}:unlabeled", labelled=False, data_dir=data_dir)
            support, left_out = with_unlabelled(
                support, texts, test, self.unlabelled_count, self.seed
            )
        settings = list(self._candidates(task))
        if self.score == "dev":
            settings = settings[:1]
        best: Fitted | None = None
        for chosen in settings:
            method = self.build({**self.options, **chosen}, support.texts, self.seed, device)
            classifier = method.fit(support)
            if len(settings) == 1:
                return Fitted(classifier, chosen, None, 1, left_out)
            accuracy = classifier.accuracy(dev)
            if best is None or accuracy > (best.dev_accuracy or 0.0):
                best = Fitted(classifier, chosen, accuracy, len(settings), left_out)
        assert best is not None
        return best

    def _candidates(self, task: str) -> Iterator[dict[str, Any]]:
        """Every setting that dev_i chooses from, as options of the method."""
        values = itertools.product(*self.choices.values())
        grid = [dict(zip(self.choices, combination, strict=True)) for combination in values]
        for pattern in self._patterns(task):
            for choice in grid:
                yield {**pattern, **choice}

    def _patterns(self, task: str) -> list[dict[str, Any]]:
        """The task's blank and patterns, as far as the method has options for them."""
        if not takes_candidates(self.method):
            return [{}]
        prompts = task_prompts(task)
        shared: dict[str, Any] = {"blank": prompts.blank} if prompts.blank else {}
        option = self.kind.template_option
        if not self.kind.takes_template or option in self.options:
            return [shared]
        if option == "statement":
            return [{**shared, **({option: prompts.statement} if prompts.statement else {})}]
        patterns = [pattern.options() for pattern in prompts.patterns[: self.patterns]]
        if option == "templates":
            return [{**shared, option: patterns}]
        return [{**shared, option: pattern.pop("pattern"), **pattern} for pattern in patterns]

    def _read(self, name: str, data_dir: DataDir) -> Dataset:
        data = load_dataset(name, data_dir=data_dir)
        task = name.partition(":")[0]
        return replace(data, examples=tuple(self._readable(example, task) for example in data))

    def _readable(self, example: Example, task: str) -> Example:
        """For methods without templates: the noun that the pronoun may mean, as a second text."""
        if task != "cluewsc" or self.kind.takes_template:
            return example
        assert example.head is not None
        assert example.tail is not None
        noun, pronoun = example.text[slice(*example.head)], example.text[slice(*example.tail)]
        return replace(example, text_b=f"{pronoun}指的是{noun}", head=None, tail=None)
