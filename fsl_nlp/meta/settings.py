"""Settings of meta-training."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import option, require_above, require_choice, require_count, require_rate

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
    """Options of meta-training. What answers tasks of held-out classes best is kept."""

    meta_steps: int = option(600, "steps of meta-training at most")
    meta_tasks: int = option(16, "tasks in a step")
    meta_rate: float = option(3e-4, "learning rate of Adam; it falls to 0 along a cosine")
    corpora: str = option(
        "equal", "how a corpus is drawn: equally, by its size or by difficulty", choices=CORPORA
    )
    check_every: int = option(50, "steps between two checks on held-out classes")
    check_tasks: int = option(300, "tasks of a check")
    patience: int = option(6, "stop after this many checks without a better one")
    clip: float = option(10.0, "largest norm of a meta-gradient")
    held_out: bool = option(
        True, "hold out classes for the checks; else all are learned and the last step is kept"
    )

    def __post_init__(self) -> None:
        for name in ("meta_steps", "meta_tasks", "check_every", "check_tasks", "patience"):
            require_count(name, getattr(self, name), 0 if name == "meta_steps" else 1)
        require_rate("meta_rate", self.meta_rate)
        require_above("clip", self.clip, 0)
        require_choice("corpora", self.corpora, CORPORA)


def __getattr__(name: str) -> type[TaskSize]:
    if name == "Shape":
        warnings.warn("Shape is now TaskSize.", DeprecationWarning, stacklevel=2)
        return TaskSize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
