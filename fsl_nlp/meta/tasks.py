"""Tasks of several source corpora, drawn anew for each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from fsl_nlp.heads.source_episodes import SourceEpisodes
from fsl_nlp.meta.outer import Batch
from fsl_nlp.meta.settings import Shape

# What is known of a corpus or a class is a running mean; this is the share of what is new.
_NEWS = 0.1
_LEAST = 0.05  # odds of a class that is never wrong, a corpus likewise


@dataclass(frozen=True)
class Source:
    """A corpus as rows [n, R] and their classes [n]."""

    name: str
    rows: Tensor
    classes: Tensor


@dataclass
class Corpus:
    """Its classes to learn from, those held out if any, and how hard they were so far."""

    name: str
    episodes: SourceEpisodes
    learning: Tensor
    held_out: Tensor
    class_errors: Tensor  # [C], running
    plain: Tensor  # the rows as they came, should those of `episodes` be others now
    error: float = 0.5

    @classmethod
    def build(
        cls, source: Source, shape: Shape, generator: torch.Generator, hold_out: bool = True
    ) -> Corpus:
        episodes = SourceEpisodes.build(
            source.rows, source.classes, shape.shot[1], shape.query, generator
        )
        learning, held_out = episodes.split_classes(shape.way[0])
        if not hold_out:
            learning, held_out = torch.cat([learning, held_out]), held_out[:0]
        errors = torch.ones(len(episodes.sizes))
        return cls(source.name, episodes, learning, held_out, errors, source.rows)

    def note(self, classes: Tensor, hits: Tensor) -> None:
        """classes [B, N] of tasks that were answered with hits [B, N * Q]."""
        wrong = 1 - hits.cpu().view(*classes.shape, -1).mean(2)  # [B, N]
        sums, counts = (
            torch.zeros(len(self.class_errors)).index_add(0, classes.flatten(), values.flatten())
            for values in (wrong, torch.ones_like(wrong))
        )
        seen = counts > 0
        news = sums[seen] / counts[seen]
        self.class_errors[seen] += _NEWS * (news - self.class_errors[seen])
        self.error += _NEWS * (float(wrong.mean()) - self.error)


@dataclass
class TaskSampler:
    """Draws from one generator, so that the same seed gives the same tasks."""

    corpora: list[Corpus]
    shape: Shape
    how: str  # a choice of `settings.CORPORA`
    generator: torch.Generator = field(repr=False)

    @classmethod
    def build(
        cls, sources: list[Source], shape: Shape, how: str, seed: int, hold_out: bool = True
    ) -> TaskSampler:
        generator = torch.Generator().manual_seed(seed)
        corpora = [Corpus.build(source, shape, generator, hold_out) for source in sources]
        return cls(corpora, shape, how, generator)

    def draw(self, tasks: int, *, hard: bool) -> list[tuple[Corpus, Tensor, Batch]]:
        """A step's tasks, those of a corpus together, with their classes [B, N]."""
        way = self._between(*self.shape.way)
        drawn = torch.multinomial(self._odds(), tasks, True, generator=self.generator)
        counts = drawn.bincount(minlength=len(self.corpora)).tolist()
        return [
            (corpus, *self._batch(corpus, corpus.learning, way, count, hard=hard))
            for corpus, count in zip(self.corpora, counts, strict=True)
            if count
        ]

    def ground(self, change: Callable[[Tensor], Tensor]) -> None:
        """Do to all rows what never changes, once."""
        for corpus in self.corpora:
            rows = change(corpus.episodes.vectors)
            corpus.episodes = replace(corpus.episodes, vectors=rows)

    def check(self, tasks: int) -> list[Batch]:
        """Tasks of classes that are never learned from, shared alike by the corpora that have
        some."""
        way = self.shape.way[1]
        each = -(-tasks // len(self.corpora))
        return [
            self._batch(corpus, corpus.held_out, way, each, hard=False)[1]
            for corpus in self.corpora
            if len(corpus.held_out)
        ]

    def _batch(
        self, corpus: Corpus, classes: Tensor, way: int, tasks: int, *, hard: bool
    ) -> tuple[Tensor, Batch]:
        odds = corpus.class_errors[classes].clamp(min=_LEAST) if hard else None
        chosen, places = corpus.episodes.draw(classes, way, tasks, odds)
        low, high = self.shape.shot
        shots = torch.randint(low, high + 1, chosen.shape, generator=self.generator)
        weights = torch.arange(high) < shots[..., None]  # [B, N, K]
        support, query = places[:, :, :high], places[:, :, high:].flatten(1)
        return chosen, Batch.of(corpus.episodes.vectors, support, query, weights, corpus.plain)

    def _odds(self) -> Tensor:
        if self.how == "size":
            return torch.tensor([float(c.episodes.sizes.sum()) for c in self.corpora])
        if self.how == "difficulty":
            return torch.tensor([max(c.error, _LEAST) for c in self.corpora])
        return torch.ones(len(self.corpora))

    def _between(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=self.generator))
