"""Training texts with faults, and vectors that need no encoder."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fsl_nlp import Dataset

Vectors = NDArray[np.float32]


class Corpus:
    """Intents as directions in space; texts are numbered, and scatter around their intent's."""

    def __init__(self, dimensions: int = 64, scatter: float = 0.5) -> None:
        self.generator = np.random.default_rng(0)
        self.dimensions, self.scatter = dimensions, scatter
        self.texts: list[str] = []
        self.labels: list[str] = []
        self.rows: list[Vectors] = []

    def direction(self) -> Vectors:
        vector = self.generator.standard_normal(self.dimensions)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def add(self, label: str, count: int, towards: Vectors | None = None) -> Vectors:
        """So many texts of an intent; gives its direction."""
        middle = self.direction() if towards is None else towards
        for _ in range(count):
            self.add_text(f"sentence {len(self.texts)}", label, middle)
        return middle

    def add_text(self, text: str, label: str, towards: Vectors) -> None:
        noise = self.generator.standard_normal(self.dimensions) / np.sqrt(self.dimensions)
        self.texts.append(text)
        self.labels.append(label)
        self.rows.append((towards + self.scatter * noise).astype(np.float32))

    @property
    def dataset(self) -> Dataset:
        return Dataset.from_texts(self.texts, self.labels)

    @property
    def vectors(self) -> Vectors:
        return np.stack(self.rows)


@pytest.fixture
def corpus() -> Corpus:
    """Six clear intents of ten texts."""
    made = Corpus()
    for name in "abcdef":
        made.add(name, 10)
    return made
