"""The time of a training, estimated from a few measured steps."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from fsl_nlp.methods.base import Method
from fsl_nlp.types import Dataset

_PROBED_STEPS = 3


class _ProbedError(Exception):
    """Enough steps were measured."""


def seconds_to_train(method: Method, support: Dataset) -> float:
    """The seconds that the whole training would take; 0 for a training of one or two steps."""
    times: list[float] = []
    steps = 0

    def on_step(step: dict[str, float]) -> None:
        nonlocal steps
        steps = int(step["steps"])
        times.append(time.perf_counter())
        if len(times) > min(_PROBED_STEPS, max(steps - 2, 0)):
            raise _ProbedError

    with suppress(_ProbedError):
        replace(method, on_step=on_step).fit(support)  # type: ignore[type-var]
    # The first step also waits for memory and caches.
    return steps * (times[-1] - times[0]) / max(1, len(times) - 1) if times else 0.0


def seconds_to_fit(method: Method, support: Dataset) -> float | None:
    """The seconds of all trainings of a `fit`; None for a method that trains nothing."""
    trainings = method.trainings(support)
    seconds: dict[tuple[str, str], float] = {}  # equal ones are measured once
    for training in trainings:
        key = (repr(training), training.encoder.name)
        if key not in seconds:
            seconds[key] = seconds_to_train(training, support.labelled)
    total = sum(seconds[repr(training), training.encoder.name] for training in trainings)
    return total or None
