"""The result of an evaluation: numbers with intervals, and what is needed to repeat them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.episodes import hash_version
from fsl_nlp.errors import DataError
from fsl_nlp.folders import write_atomically
from fsl_nlp.intervals import half_width_of_difference, interval_of_mean
from fsl_nlp.json_text import parse_json
from fsl_nlp.output import percent, to_json, without_nan
from fsl_nlp.reading import read_whole
from fsl_nlp.types import Label

NO_INTERVAL = "no interval: it needs at least 2 episodes"


@dataclass(frozen=True)
class Mean:
    """A mean over episodes with the half-width of its 95% interval: NaN for one episode.

    `low` and `high` are the ends of the interval, for accuracies: near 100% the lower end is
    farther away. Differences have None, and so have results of earlier versions.
    """

    value: float
    half_width: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Mean:
        """The mean accuracy of all episodes.

        >>> print(Mean.of(np.array([0.25, 0.75])), Mean.of(np.ones(100)))
        50.00% ± 49.39% 100.00% (96.21% to 100.00%)
        """
        value = float(values.mean())
        variance = float(values.var(ddof=1)) if len(values) > 1 else float("nan")
        low, high = interval_of_mean(value, variance, len(values))
        return cls(value, (high - low) / 2, low, high)

    @classmethod
    def of_differences(cls, gaps: NDArray[np.float64]) -> Mean:
        """The mean difference of all episodes."""
        return cls(float(gaps.mean()), half_width_of_difference(gaps.tolist()))

    @classmethod
    def from_dict(cls, content: dict[str, float | None]) -> Mean:
        """A mean from its fields; None, as `without_nan` writes it, is NaN in the first two."""
        fields = {k: None if v is None else float(v) for k, v in content.items()}
        value, width = (fields.pop(k) for k in ("value", "half_width"))
        nan = float("nan")
        return cls(nan if value is None else value, nan if width is None else width, **fields)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The ends of the interval; None where it is value ± half_width, or does not exist."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def __str__(self) -> str:
        return percent(self.value, self.half_width, interval=self.interval)


@dataclass(frozen=True)
class NoneOfTheAbove:
    """Precision, recall and F1 for queries that belong to no class of the episode."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Result:
    """The numbers of one method on one table of episodes; `evaluate` gives it.

    >>> from tempfile import mkdtemp
    >>> from fsl_nlp import load_dataset
    >>> from fsl_nlp.episodes import EpisodeTable
    >>> from fsl_nlp.evaluation import evaluate
    >>> data = load_dataset("support_en")
    >>> table = EpisodeTable.sample(data, way=5, shot=1, query=2, episodes=20)
    >>> result = evaluate("proto", data, table, encoder="embedded:en")
    >>> Result.load(result.save(mkdtemp() + "/proto.json")).accuracy == result.accuracy
    True
    """

    method: str
    settings: dict[str, Any]  # the method's, the encoder among them
    dataset: str
    episodes: dict[str, Any]  # the table's settings
    episode_hash: str
    accuracy: Mean  # mean over episodes, none-of-the-above queries included as FewRel does
    micro_accuracy: float  # over all queries
    macro_f1: float  # over the classes of the dataset
    none_of_the_above: NoneOfTheAbove | None
    per_class: dict[Label, float]  # accuracy of the queries of each class
    encode_seconds: float
    score_seconds: float
    versions: dict[str, str]
    # Tasks that were adapted at a lower rate; for methods with an inner loop, scored in batches.
    diverged_tasks: int | None = None
    # In the order of the table; `compare` pairs them.
    episode_accuracy: tuple[float, ...] = field(repr=False, default=())

    @property
    def worst_class(self) -> tuple[Label, float]:
        """The class with the lowest accuracy, and that accuracy."""
        return min(self.per_class.items(), key=lambda item: item[1])

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for JSON."""
        worst, accuracy = self.worst_class
        return {
            **without_nan(asdict(self)),
            "per_class": [[label, value] for label, value in self.per_class.items()],
            "worst_class": {"label": worst, "accuracy": accuracy},
        }

    def save(self, path: str | Path) -> Path:
        """Write the result as JSON."""
        write_atomically(Path(path), to_json(self.to_dict()) + "\n")
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """The result that `save` wrote."""
        text = read_whole(Path(path), str(path))
        try:
            content = parse_json(text)
            content.pop("worst_class")
            none = content["none_of_the_above"]
            result = cls(
                **{
                    **content,
                    "accuracy": Mean.from_dict(content["accuracy"]),
                    "none_of_the_above": NoneOfTheAbove(**none) if none else None,
                    "per_class": dict(content["per_class"]),
                    "episode_accuracy": tuple(map(float, content["episode_accuracy"])),
                }
            )
            result._check()
            return result
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is not a saved result: {error!r}.") from None

    def _check(self) -> None:
        """Refuse what `str`, `compare` and reports could not use."""
        texts = (self.method, self.dataset, self.episode_hash)
        numbers = [self.micro_accuracy, self.macro_f1, self.encode_seconds, self.score_seconds]
        numbers += self.per_class.values()
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("method, dataset and episode_hash must be texts")
        if not self.per_class or not all(isinstance(number, int | float) for number in numbers):
            raise TypeError("accuracies and seconds must be numbers")
        if not isinstance(self.settings, dict) or not isinstance(self.episodes, dict):
            raise TypeError("settings and episodes must be objects")


@dataclass(frozen=True)
class Comparison:
    """The paired difference of two results on the same episodes, first minus second.

    `note` says how the two differ in what they read of the test; "" if they do not.
    """

    first: str
    second: str
    difference: Mean
    note: str = ""

    @property
    def beyond_noise(self) -> bool:
        """True if the 95% interval does not hold zero; False if one episode gives no interval."""
        return abs(self.difference.value) > self.difference.half_width

    def __str__(self) -> str:
        if np.isnan(self.difference.half_width):
            verdict = NO_INTERVAL
        else:
            verdict = "a difference" if self.beyond_noise else "no significant difference"
        note = f"; {self.note}" if self.note else ""
        return f"{self.first} - {self.second}: {self.difference} ({verdict}){note}"


def compare(first: Result, second: Result) -> Comparison:
    """The difference of two results, paired by episode: hard episodes are hard for both.

    >>> from fsl_nlp import load_dataset
    >>> from fsl_nlp.episodes import EpisodeTable
    >>> from fsl_nlp.evaluation import MethodSpec, evaluate
    >>> data = load_dataset("support_en")
    >>> table = EpisodeTable.sample(data, way=5, shot=1, query=2, episodes=20)
    >>> results = [evaluate(MethodSpec(m, "embedded:en"), data, table) for m in ("proto", "knn")]
    >>> comparison = compare(*results)
    >>> comparison.first, comparison.second
    ('proto', 'knn')
    """
    if first.episode_hash != second.episode_hash:
        versions = {hash_version(result.episode_hash) for result in (first, second)}
        older = (
            " One is of an earlier version, whose hashes do not hold label names, descriptions and "
            "candidates: evaluate it again."
            if len(versions) > 1
            else ""
        )
        raise DataError(
            f"The results are of different episodes ({first.episode_hash} and "
            f"{second.episode_hash}). Use the same dataset, settings and seed, or a saved table."
            f"{older}"
        )
    if len(first.episode_accuracy) != len(second.episode_accuracy):
        raise DataError(
            f"The results have {len(first.episode_accuracy)} and {len(second.episode_accuracy)} "
            "episodes: one of them was altered. Evaluate it again."
        )
    gaps = np.array(first.episode_accuracy) - np.array(second.episode_accuracy)
    note = _difference_in_reading(first, second)
    return Comparison(first.method, second.method, Mean.of_differences(gaps), note)


def _difference_in_reading(first: Result, second: Result) -> str:
    """How two results differ in the test texts that an answer depends on."""
    statistics = [result.settings.get("statistics", _UNKNOWN) for result in (first, second)]
    transductive = [bool(result.settings.get("transductive")) for result in (first, second)]
    centred = [name for name in statistics if name not in (None, _UNKNOWN)]
    if _UNKNOWN in statistics and centred:
        older = (first, second)[statistics.index(_UNKNOWN)].method
        return f"{older} is of an earlier version, and does not say what its vectors are centred on"
    if transductive[0] != transductive[1]:
        reader = (first, second)[transductive.index(True)].method
        return f"{reader} reads other texts of the test (transductive), the other result does not"
    if len(set(centred)) > 1:
        return f"their vectors are centred on different statistics, {' and '.join(centred)}"
    return ""


_UNKNOWN = "unknown"


def versions() -> dict[str, str]:
    """The versions of the software that a number depends on."""
    import platform
    from importlib.metadata import version

    names = ("torch", "transformers", "numpy", "scikit-learn")
    from fsl_nlp import __version__

    return {
        "fsl_nlp": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }
