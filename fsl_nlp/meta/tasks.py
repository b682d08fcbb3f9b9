"""Draw tasks from several source corpora."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from fsl_nlp.heads.source_episodes import SourceEpisodes
from fsl_nlp.meta.outer import Batch
from fsl_nlp.meta.settings import TaskSize

# The share of new errors in the running means of errors.
_UPDATE_SHARE = 0.1
_LEAST_ODDS = 0.05  # odds of a class or a corpus without errors


@dataclass(frozen=True)
class Source:
    """A corpus as rows [n, R] and their classes [n]."""

    name: str
    rows: Tensor
    classes: Tensor


@dataclass
class Corpus:
    """A corpus: classes for training, held-out classes, and running error rates."""

    name: str
    episodes: SourceEpisodes
    learning: Tensor
    held_out: Tensor
    class_errors: Tensor  # [C], running
    plain: Tensor  # the rows before preprocessing
    error: float = 0.5

    @classmethod
    def build(
        cls, source: Source, task_size: TaskSize, generator: torch.Generator, hold_out: bool = True
    ) -> Corpus:
        """The corpus of a source; some of its classes are held out."""
        episodes = SourceEpisodes.build(
            source.rows, source.classes, task_size.shot[1], task_size.query, generator
        )
        learning, held_out = episodes.split_classes(task_size.way[0])
        if not hold_out:
            learning, held_out = torch.cat([learning, held_out]), held_out[:0]
        errors = torch.ones(len(episodes.sizes))
        return cls(source.name, episodes, learning, held_out, errors, source.rows)

    def record(self, classes: Tensor, hits: Tensor) -> None:
        """Update the error rates: classes [B, N] of tasks, and hits [B, N * Q] of their queries."""
        wrong = 1 - hits.cpu().view(*classes.shape, -1).mean(2)  # [B, N]
        sums, counts = (
            torch.zeros(len(self.class_errors)).index_add(0, classes.flatten(), values.flatten())
            for values in (wrong, torch.ones_like(wrong))
        )
        seen = counts > 0
        error = sums[seen] / counts[seen]
        self.class_errors[seen] += _UPDATE_SHARE * (error - self.class_errors[seen])
        self.error += _UPDATE_SHARE * (float(wrong.mean()) - self.error)


@dataclass
class TaskSampler:
    """Draws tasks from corpora; the same seed gives the same tasks."""

    corpora: list[Corpus]
    task_size: TaskSize
    weighting: str  # a choice of `settings.CORPORA`
    generator: torch.Generator = field(repr=False)

    @classmethod
    def build(
        cls,
        sources: list[Source],
        task_size: TaskSize,
        weighting: str,
        seed: int,
        hold_out: bool = True,
    ) -> TaskSampler:
        """A sampler for sources."""
        generator = torch.Generator().manual_seed(seed)
        corpora = [Corpus.build(source, task_size, generator, hold_out) for source in sources]
        return cls(corpora, task_size, weighting, generator)

    def draw(self, tasks: int, *, hard: bool) -> list[tuple[Corpus, Tensor, Batch]]:
        """The tasks of a step, for each corpus: with their classes [B, N]."""
        way = self._between(*self.task_size.way)
        drawn = torch.multinomial(self._odds(), tasks, True, generator=self.generator)
        counts = drawn.bincount(minlength=len(self.corpora)).tolist()
        return [
            (corpus, *self.batch(corpus, corpus.learning, way, count, hard=hard))
            for corpus, count in zip(self.corpora, counts, strict=True)
            if count
        ]

    def preprocess(self, function: Callable[[Tensor], Tensor]) -> None:
        """Replace all rows by a function of them."""
        for corpus in self.corpora:
            rows = function(corpus.episodes.vectors)
            corpus.episodes = replace(corpus.episodes, vectors=rows)

    def check_tasks(self, tasks: int) -> list[Batch]:
        """Tasks of held-out classes, equally many from each corpus that has some."""
        way = self.task_size.way[1]
        per_corpus = -(-tasks // len(self.corpora))
        return [
            self.batch(corpus, corpus.held_out, way, per_corpus, hard=False)[1]
            for corpus in self.corpora
            if len(corpus.held_out)
        ]

    def batch(
        self, corpus: Corpus, classes: Tensor, way: int, tasks: int, *, hard: bool
    ) -> tuple[Tensor, Batch]:
        """Tasks of some classes of a corpus; `hard` draws classes with more errors more often."""
        odds = corpus.class_errors[classes].clamp(min=_LEAST_ODDS) if hard else None
        drawn, indices = corpus.episodes.draw(classes, way, tasks, odds)
        low, high = self.task_size.shot
        shots = torch.randint(low, high + 1, drawn.shape, generator=self.generator)
        weights = torch.arange(high) < shots[..., None]  # [B, N, K]
        support, query = indices[:, :, :high], indices[:, :, high:].flatten(1)
        return drawn, Batch.of(corpus.episodes.vectors, support, query, weights, corpus.plain)

    def _odds(self) -> Tensor:
        if self.weighting == "size":
            return torch.tensor([float(c.episodes.sizes.sum()) for c in self.corpora])
        if self.weighting == "difficulty":
            return torch.tensor([max(c.error, _LEAST_ODDS) for c in self.corpora])
        return torch.ones(len(self.corpora))

    def _between(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=self.generator))
