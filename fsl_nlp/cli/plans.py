"""Notes before a long run: its work and its estimated time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.cli.run import Run
from fsl_nlp.errors import FslError

if TYPE_CHECKING:
    from fsl_nlp.episodes import EpisodeTable
    from fsl_nlp.evaluation.jobs import OnProgress
    from fsl_nlp.evaluation.method_spec import MethodSpec
    from fsl_nlp.types import Dataset

# Batches of frozen vectors are quick, so a run of fewer episodes needs no note.
_QUICK_EPISODES = 200
_PROBED_EPISODES = 16
_SHORT = 3.0  # seconds; a shorter run needs no note


def describe_seconds(seconds: float) -> str:
    """Seconds in words.

    >>> describe_seconds(0.4), describe_seconds(75), describe_seconds(600), describe_seconds(9000)
    ('about 1 s', 'about 75 s', 'about 10 min', 'about 2.5 h')
    """
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def announce_fit(
    run: Run,
    method: str,
    encoder: str,
    options: dict[str, Any],
    device: str,
    support: Dataset,
    *,
    decides: bool,
) -> None:
    """Note the time of a method that trains, from its first steps. Other methods take seconds.

    With `decides` it trains once more, on a part of the examples.
    """
    from fsl_nlp.encoders import load_encoder
    from fsl_nlp.encoders.choice import choose_encoder
    from fsl_nlp.methods import build_method
    from fsl_nlp.methods.combined.timing import seconds_to_fit

    if run.quiet or method == "auto":
        return
    with suppress(FslError):  # the fit itself reports the error
        name = choose_encoder(encoder, support, note=False)  # the fit notes it
        built = build_method(
            method, load_encoder(name, device=device), seed=run.seed, options=options
        )
        built.check(support)
        trainings = len(built.trainings(support))
        if seconds := seconds_to_fit(built, support):
            times = f"{trainings} trainings" if trainings > 1 else "training"
            work = f"{len(support.labelled):,} texts of {len(support.labels)} labels"
            again = (
                ", then again on fewer texts, to learn when not to answer (not with --reject none)"
                if decides
                else ""
            )
            run.note(f"{times} of {method} on {work}: {describe_seconds(seconds)}{again}.")


def announce_episodes(
    run: Run,
    spec: MethodSpec,
    data: Dataset,
    table: EpisodeTable,
    *,
    no_batch: bool,
    has_source: bool,
    workers: int,
) -> None:
    """Note the work and the time, for many episodes or for a method that trains in each."""
    if run.quiet or (_is_frozen(spec) and len(table) < _QUICK_EPISODES):
        return
    if table.has_none_of_the_above and (no_batch or not _is_frozen(spec)):
        return  # the evaluation refuses it
    work = f"{describe_episodes(table)} with {spec.name}"
    try:
        seconds: float | None
        if no_batch or not _is_frozen(spec):
            seconds = _seconds_of_fits(spec, data, table, workers)
        else:
            seconds = None if has_source else _seconds_of_batches(spec, data, table)
    except FslError:  # the evaluation itself reports the error
        return
    if seconds is None:
        run.note(f"{work}.")
    elif seconds >= _SHORT:
        run.note(f"{work}: {describe_seconds(seconds)}.")


def announce_curve(run: Run, specs: Sequence[MethodSpec], points: int, episodes: int) -> None:
    """Note the work and the time, for many episodes or for a method that trains in each."""
    count = len(specs) * points
    if not all(map(_is_frozen, specs)) or count * episodes >= _QUICK_EPISODES:
        run.note(f"{count} point{'s' if count > 1 else ''} of {episodes:,} episodes each.")


def announce_jobs(run: Run, name: str, progress_file: Path | None) -> OnProgress:
    """A function that notes the number of jobs, and after the first job the time of the rest."""
    first = 0

    def announce(remaining: int, seconds: float | None, finished: int = 0) -> None:
        nonlocal first
        if seconds is None:
            first = remaining
            total = remaining + finished
            jobs = f"{total} job{'' if total == 1 else 's'}"
            done = f", {finished} already in {progress_file}, {remaining}" if finished else ""
            run.note(f"{name}: {jobs}{done} to run.")
        elif remaining == first - 1 and seconds >= _SHORT:
            run.note(f"{remaining} left: {describe_seconds(seconds)}.")

    return announce


def _is_frozen(spec: MethodSpec) -> bool:
    from fsl_nlp.methods import method_class
    from fsl_nlp.methods.frozen.method import FrozenMethod

    return issubclass(method_class(spec.name), FrozenMethod)


def describe_episodes(table: EpisodeTable) -> str:
    """Such as "10,000 episodes of 5-way 1-shot, 11,200 texts to encode"."""
    shape = f"{table.way}-way {table.support.shape[2]}-shot"
    return f"{len(table):,} episodes of {shape}, {_count_texts(table):,} texts to encode"


def _count_texts(table: EpisodeTable) -> int:
    import numpy as np

    used = np.unique(np.concatenate([table.support.ravel(), table.query.ravel()]))
    return int((used >= 0).sum())  # below 0 is padding


def _seconds_of_batches(spec: MethodSpec, data: Dataset, table: EpisodeTable) -> float:
    """Seconds, from a few measured episodes; their vectors are cached for the run."""
    from fsl_nlp.evaluation.batched import score_in_batches

    method: Any = spec.build()
    some = table.take(slice(0, _PROBED_EPISODES))
    scored = score_in_batches(method, data, some)
    encode = scored.encode_seconds * _count_texts(table) / _count_texts(some)
    return encode + scored.score_seconds * len(table) / len(some)


def _seconds_of_fits(spec: MethodSpec, data: Dataset, table: EpisodeTable, workers: int) -> float:
    """Seconds, from the training of the first episode, or from the whole episode without one."""
    from fsl_nlp.evaluation.one_by_one import predict_task
    from fsl_nlp.methods.combined.timing import seconds_to_fit

    method, task = spec.build(), table.task(data, 0)
    seconds = seconds_to_fit(method, task.support)
    if seconds is None:
        started = time.perf_counter()
        predict_task(method, task)
        seconds = time.perf_counter() - started
    return seconds * len(table) / max(1, workers)
