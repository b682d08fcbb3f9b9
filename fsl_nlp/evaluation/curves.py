"""Accuracy over shots, ways or adaptation steps, as JSON and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import MissingExtraError, OptionError
from fsl_nlp.evaluation.evaluator import evaluate
from fsl_nlp.evaluation.method_spec import MethodSpec
from fsl_nlp.evaluation.result import Mean
from fsl_nlp.folders import write_atomically
from fsl_nlp.output import to_json, without_nan
from fsl_nlp.types import Dataset

PICTURES = (".png", ".svg")


@dataclass(frozen=True)
class Line:
    """A line of a curve: its name, and a mean with its interval for each x."""

    name: str
    points: tuple[tuple[int, Mean], ...]


@dataclass(frozen=True)
class Curve:
    """Lines over one x; `save` writes the numbers or a picture."""

    title: str
    x: str  # what varies along a line
    lines: tuple[Line, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for JSON."""
        return dict(without_nan(asdict(self)))

    def save(self, path: str | Path) -> Path:
        """`.json` for the numbers, `.png` or `.svg` for a picture (needs the `report` extra)."""
        path = Path(path)
        check_picture(path)
        if path.suffix == ".json":
            write_atomically(path, to_json(self.to_dict()) + "\n")
        else:
            write_atomically(path, self._draw(path.suffix[1:]))
        return path

    def _draw(self, kind: str) -> bytes:
        import io

        from matplotlib.figure import Figure  # not pyplot, which keeps figures in a global list

        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for line in self.lines:
            xs = [x for x, _ in line.points]
            ys = [100 * mean.value for _, mean in line.points]
            bars = np.array([_bars(mean) for _, mean in line.points]).T
            axes.errorbar(xs, ys, yerr=bars, marker="o", capsize=3, label=line.name)
        axes.set(title=self.title, xlabel=self.x, ylabel="accuracy, % (95% interval)")
        axes.set_xticks(sorted({x for line in self.lines for x, _ in line.points}))
        axes.grid(alpha=0.3)
        axes.legend()
        picture = io.BytesIO()
        figure.savefig(
            picture, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None
        )
        return picture.getvalue()


def _bars(mean: Mean) -> tuple[float, float]:
    """How far the interval goes below and above the mean, in percent."""
    low, high = mean.interval or (mean.value - mean.half_width, mean.value + mean.half_width)
    return 100 * (mean.value - low), 100 * (high - mean.value)


def check_picture(path: Path) -> None:
    """Refuse a file that a curve cannot be saved as. Call it before the long work."""
    if path.suffix not in (".json", *PICTURES):
        raise OptionError(f"{path}: a curve is saved as .json, .png or .svg.")
    if path.suffix in PICTURES and find_spec("matplotlib") is None:
        raise MissingExtraError("Pictures need matplotlib: pip install 'fsl-nlp[report]'")


def learning_curve(
    methods: Sequence[MethodSpec],
    dataset: Dataset,
    *,
    shots: Sequence[int],
    ways: Sequence[int],
    query: int,
    episodes: int,
    seed: int = 0,
) -> Curve:
    """Accuracy over shots, with a line for each method and number of ways.

    All methods are scored on the same episodes.

    >>> from fsl_nlp import load_dataset
    >>> methods = [MethodSpec("proto", "embedded:en")]
    >>> data = load_dataset("support_en")
    >>> curve = learning_curve(methods, data, shots=[1, 2], ways=[5], query=2, episodes=20)
    >>> curve.lines[0].name, [shot for shot, _ in curve.lines[0].points]
    ('proto, 5-way', [1, 2])
    """
    # All tables first: a setting that cannot be sampled is refused before the long work.
    tables = {
        (way, shot): EpisodeTable.sample(
            dataset, way=way, shot=shot, query=query, episodes=episodes, seed=seed
        )
        for way in ways
        for shot in shots
    }
    lines = []
    for way in ways:
        for method in methods:
            means = [evaluate(method, dataset, tables[way, shot]).accuracy for shot in shots]
            lines.append(Line(f"{method.name}, {way}-way", tuple(zip(shots, means, strict=True))))
    return Curve(f"{dataset.name}, {episodes} episodes", "shots", tuple(lines))


def adaptation_curve(
    method: MethodSpec,
    dataset: Dataset,
    *,
    steps: Sequence[int],
    shots: Sequence[int],
    way: int,
    query: int,
    episodes: int,
    seed: int = 0,
) -> Curve:
    """Accuracy of a meta-trained method over its inner steps, with a line for each shot."""
    lines = []
    for shot in shots:
        table = EpisodeTable.sample(
            dataset, way=way, shot=shot, query=query, episodes=episodes, seed=seed
        )
        means = [
            evaluate(
                replace(method, options={**method.options, "test_steps": step}), dataset, table
            ).accuracy
            for step in steps
        ]
        name = f"{method.name}, {way}-way {shot}-shot"
        lines.append(Line(name, tuple(zip(steps, means, strict=True))))
    return Curve(f"{dataset.name}, {episodes} episodes", "inner steps", tuple(lines))
