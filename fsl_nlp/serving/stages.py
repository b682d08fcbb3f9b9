"""The stages of a job, and which share of its time is over in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fsl_nlp.progress import listening

# A share that is done, the stage, and how much of how much in it.
Report = Callable[[float, str, int, int], None]

# Seconds of each stage: always, and for a text more. Measured on one core with 180 to 3,000 texts;
# the sum need not be right, only the shares.
_SECONDS = {
    "reading": (2.0, 0.0),
    "loading": (6.0, 0.0),
    "encoding": (0.5, 0.002),
    "checking": (0.5, 0.0017),
    "comparing": (0.2, 0.0012),
    "learning": (0.1, 0.0003),
    "testing": (0.2, 0.001),
    "placing": (0.5, 0.001),
    "grouping": (0.5, 0.001),
    "saving": (0.5, 0.0),
}
# Titles of work inside that is told piece by piece.
_TITLES = {"Encoding": "encoding", "Comparing methods": "comparing", "Held-out parts": "testing"}
_USUAL = 500  # texts, before they are counted


class Stages:
    """Tells a `Report` which stage begins, and how far it is.

    >>> stages = Stages(lambda share, stage, done, total: print(round(share, 2), stage),
    ...                 ["reading", "loading", "saving"])
    >>> stages.begin("loading")
    0.24 loading
    """

    def __init__(self, report: Report, names: list[str]) -> None:
        self._report = report
        self._names = names
        self.texts = _USUAL

    def begin(self, stage: str) -> None:
        """A stage begins."""
        self._tell(stage, 0, 0)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A context whose work tells how far it is."""
        with listening(self._hear):
            yield

    def _hear(self, title: str, done: int, total: int | None) -> None:
        stage = _TITLES.get(title)
        if stage not in self._names or not total:
            return
        if stage == "encoding" and 2 * total < self.texts:  # a few texts besides
            return
        self._tell(stage, done, total)

    def _tell(self, stage: str, done: int, total: int) -> None:
        seconds = _seconds(self._names, self.texts)
        position = self._names.index(stage)
        before = sum(seconds[:position]) + seconds[position] * (done / total if total else 0)
        self._report(before / sum(seconds), stage, done, total)


def _seconds(names: list[str], texts: int) -> list[float]:
    return [_SECONDS[name][0] + _SECONDS[name][1] * texts for name in names]
