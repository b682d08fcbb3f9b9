"""Settings of meta-training."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import require_above, require_choice, require_count

CORPORA = ("equal", "size", "difficulty")

Span = tuple[int, int]  # smallest and largest value, both included


@dataclass(frozen=True)
class TaskSize:
    """The size of training tasks. A step draws its way, and each class its shots.

    >>> print(TaskSize(way=(5, 10), shot=(1, 1)))
    5-10-way 1-shot
    """

    way: Span = (5, 5)
    shot: Span = (1, 1)
    query: int = 5

    def __post_init__(self) -> None:
        for name, span, least in (("way", self.way, 2), ("shot", self.shot, 1)):
            require_count(name, span[0], least)
            if span[1] < span[0]:
                raise OptionError(f"{name}={span}: the first number must not be above the second.")
        require_count("query", self.query)

    def __str__(self) -> str:
        way, shot = (str(a) if a == b else f"{a}-{b}" for a, b in (self.way, self.shot))
        return f"{way}-way {shot}-shot"


@dataclass(frozen=True)
class MetaSettings:
    """`meta_steps` steps of Adam at `meta_rate`, which falls to 0 along a cosine; `meta_tasks`
    tasks a step, of corpora drawn alike ("equal"), by their "size" or by their "difficulty".

    Every `check_every` steps, `check_tasks` tasks of held-out classes are answered; what answered
    them best is kept. `patience`: stop after so many checks without a better one. With
    `held_out=False` all classes are learned from, and what the last step gives is kept: for a run
    whose settings are chosen already.
    """

    meta_steps: int = 600
    meta_tasks: int = 16
    meta_rate: float = 3e-4
    corpora: str = "equal"
    check_every: int = 50
    check_tasks: int = 300
    patience: int = 6
    clip: float = 10.0
    held_out: bool = True

    def __post_init__(self) -> None:
        for name in ("meta_steps", "meta_tasks", "check_every", "check_tasks", "patience"):
            require_count(name, getattr(self, name), 0 if name == "meta_steps" else 1)
        require_above("meta_rate", self.meta_rate, 0)
        require_above("clip", self.clip, 0)
        require_choice("corpora", self.corpora, CORPORA)


def __getattr__(name: str) -> type[TaskSize]:
    if name == "Shape":
        warnings.warn("Shape is now TaskSize.", DeprecationWarning, stacklevel=2)
        return TaskSize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
