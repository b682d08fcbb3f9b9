"""The contract of a benchmark: tasks, jobs and their rows, published results, files to hand in."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fsl_nlp.errors import OptionError, did_you_mean

if TYPE_CHECKING:
    from fsl_nlp.methods.base import Classifier, Method
    from fsl_nlp.types import Dataset

Row = dict[str, Any]  # what JSON can hold
DataDir = str | os.PathLike[str] | None


@dataclass(frozen=True)
class Published:
    """The accuracy of a published system in percent, by `Benchmark.published_key`.

    `figures` are other numbers by the same key, then by the key of a `Figure`. `remark` says what
    a reader must know before comparing, such as another test file.
    """

    name: str
    scores: Mapping[str, float]
    source: str
    remark: str = ""
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A share that a benchmark reports beside the accuracy: its key in a row, and its heading."""

    key: str
    heading: str
    meaning: str  # ends the sentence that begins with the heading


@dataclass(frozen=True, order=True)
class Job:
    """One run of a method: learn a task from one split with one seed, and score it."""

    task: str
    split: str | int
    seed: int


def setting(
    default: Any,
    help: str,
    *,
    least: int | None = None,
    most: int | None = None,
    flag: str | None = None,
    parse: Callable[[list[str]], Any] | None = None,
) -> Any:
    """A field that the command line shows as an option.

    `least` is its smallest value, `most` its largest. `flag` is its name, if that is not the name
    of the field. An option of another type than a number, a text or true and false may be repeated,
    and `parse` makes its value from the texts.
    """
    metadata = {"help": help, "least": least, "most": most, "flag": flag, "parse": parse}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata, kw_only=True)
    return field(default=default, metadata=metadata, kw_only=True)


@dataclass(frozen=True)
class Benchmark(ABC):
    """A method and how it is measured.

    A subclass names its tasks and splits, and says how one job becomes one row. It adds its own
    settings as fields made by `setting`.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]
    splits: ClassVar[tuple[str | int, ...]]
    default_splits: ClassVar[tuple[str | int, ...]]
    published: ClassVar[tuple[Published, ...]] = ()
    # What a row has beside the accuracy, and what the method is called beside others that have it.
    figures: ClassVar[tuple[Figure, ...]] = ()
    compared_as: ClassVar[str] = "here"
    # What the accuracy measures; keys of the result stand in braces.
    protocol: ClassVar[str]
    # What the runs behind one row are called, and what a run is scored on.
    repeats: ClassVar[str] = "splits"
    unit: ClassVar[str] = "texts"
    default_method: ClassVar[str] = "proto"
    example: ClassVar[str] = ""  # words of a command line

    method: str
    encoder: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if self.encoder == "auto":
            object.__setattr__(self, "encoder", self.default_encoder())
        _ = self.kind  # refuses an unknown name

    @property
    def kind(self) -> type[Method]:
        """The class of the method, for what it declares."""
        from fsl_nlp.methods import method_class

        return method_class(self.method)

    def default_encoder(self) -> str:
        """The encoder for "auto"; if it is "auto" again, the texts of each task choose it."""
        return "embedded:mlm" if self.kind.needs_masked_model else "auto"

    def check_task(self, task: str) -> None:
        """Refuse a task that the benchmark does not have."""
        if task not in self.tasks:
            raise OptionError(
                f"{task!r} is not a task of {self.name}.{did_you_mean(task, self.tasks)} "
                f"Its tasks: {', '.join(self.tasks)}."
            )

    def jobs(self, tasks: Sequence[str], splits: Sequence[str | int]) -> list[Job]:
        """The jobs for these tasks and splits."""
        return [Job(task, split, self.seed) for task in tasks for split in splits]

    @abstractmethod
    def test_data(self, job: Job) -> str:
        """The data name of the texts that the job is scored on."""

    def unsupported_reason(self, job: Job) -> str | None:
        """Why the method cannot run the job; None if it can."""
        return None

    @abstractmethod
    def run(self, job: Job, data_dir: DataDir, device: str) -> Row:
        """Learn and score. The row has at least the keys accuracy, count, encoder and seconds.

        A row with an interval also has half_width and interval_over, and interval, its ends, if
        they are not equally far from the accuracy. The key figures holds, by the key of each
        `Figure`, its value and its half_width, either of which may be None, and its interval; the
        key compared holds, by name, such figures of other ways to do the same.
        """

    def title(self, job: Job) -> str:
        """The row of the table that the job belongs to."""
        return job.task

    def published_key(self, job: Job) -> str:
        """The key of that row in the published scores."""
        return self.title(job)

    def write_submission(
        self, folder: Path, tasks: Sequence[str], split: str | int, data_dir: DataDir, device: str
    ) -> list[Path]:
        """The files that the benchmark's leaderboard takes, for these tasks."""
        raise OptionError(f"{self.name} has no hidden test, so there are no files to hand in.")

    def settings(self) -> dict[str, Any]:
        """The settings as a result names them."""
        return asdict(self)

    def header(self) -> dict[str, Any]:
        """What identifies the run of a progress file; for a model folder, with its files."""
        header = {"benchmark": self.name, **asdict(self)}
        if header.get("limit") is not None:
            header["sample"] = "stratified"  # earlier versions scored the first texts of the file
        folder = Path(self.encoder).expanduser()
        if folder.is_dir():
            sizes = [(p.name, p.stat().st_size) for p in sorted(folder.glob("*.safetensors"))]
            header["files"] = hashlib.sha256(repr(sizes).encode()).hexdigest()[:12]
        return header

    def key(self, row: Row) -> Job:
        """The job that a row of a progress file belongs to; old rows have no seed."""
        for name in ("accuracy", "count", "seconds"):
            if not isinstance(row[name], int | float):
                raise TypeError(f"{name} is no number")
        job = Job(row["task"], row["split"], row.get("seed", self.seed))
        hash(job)
        return job

    # For subclasses

    def build(
        self, options: Mapping[str, Any], texts: Iterable[str], seed: int, device: str
    ) -> Method:
        """The method, ready to fit; `texts` choose the encoder where it is "auto"."""
        from fsl_nlp.encoders import load_encoder
        from fsl_nlp.methods import build_method

        encoder = load_encoder(self.encoder_for(texts), device=device)
        return build_method(self.method, encoder, seed=seed, options=options)

    def encoder_for(self, texts: Iterable[str]) -> str:
        """The encoder's name; `texts` choose it where it is "auto"."""
        from fsl_nlp.encoders.choice import auto_model

        return auto_model(texts) if self.encoder == "auto" else self.encoder

    def check_unlabelled(self, count: int | None) -> None:
        """Refuse unlabelled texts for a method that cannot use them."""
        from fsl_nlp.inputs.support import UNLABELLED

        if count and UNLABELLED not in self.kind.learns_from(self.method):
            raise OptionError(f"unlabelled: {self.method!r} does not learn from unlabelled texts.")


# In the header of progress files: earlier versions learned from texts of the test, too.
UNLABELLED_HEADER = {"unlabelled_texts": "without those of the test"}


def with_unlabelled(
    support: Dataset, texts: Dataset, test: Dataset, count: int, seed: int
) -> tuple[Dataset, int]:
    """`support` with `count` of the texts, drawn with `seed`, or with all if there are fewer.

    Texts of the test are not among them. Also gives how many such texts there were.
    """
    from fsl_nlp.data.overlap import without_texts_of
    from fsl_nlp.splits import draw_examples

    kept, left_out = without_texts_of(texts, [test])
    return support.with_unlabelled(draw_examples(kept.examples, count, seed)), left_out


def limit_setting() -> Any:
    """The setting of a benchmark that can score a sample of its test texts."""
    return setting(
        None, "Only a sample of so many test texts, each label in its proportion.", least=1
    )


def score_texts(
    classifier: Classifier, whole: Dataset, limit: int | None = None, seed: int = 0
) -> Row:
    """The accuracy on the test texts, with its 95% interval over them.

    With a `limit` below their number they are a sample: files are often sorted by label.
    """
    from fsl_nlp.splits import draw_stratified

    test = whole if limit is None else draw_stratified(whole, limit, seed)
    count = len(test)
    share = share_figure(round(classifier.accuracy(test) * count), count)
    return {
        "accuracy": share.pop("value"),
        **share,
        "interval_over": f"{count:,} test texts",
        "count": count,
        "sample_of": len(whole) if count < len(whole) else None,
    }


def share_figure(hits: int, count: int) -> dict[str, Any]:
    """A share of texts as a figure: value, half_width and interval; None of no texts.

    >>> share_figure(0, 0)
    {'value': None, 'half_width': None, 'interval': None}
    """
    from fsl_nlp.intervals import Share

    if count == 0:
        return {"value": None, "half_width": None, "interval": None}
    share = Share.of(hits, count)
    return {
        "value": share.value,
        "half_width": share.half_width,
        "interval": [share.low, share.high],
    }
