"""Any method, task by task: in worker processes, and resumable from a file written as it goes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError
from fsl_nlp.progress import track
from fsl_nlp.types import Dataset, Task

if TYPE_CHECKING:
    from fsl_nlp.methods.base import Method


@dataclass(frozen=True)
class MethodSpec:
    """A method by name, so that a worker process can build its own."""

    name: str
    encoder: str
    options: dict[str, Any]
    seed: int = 0
    device: str = "auto"

    def build(self, task: int = 0) -> Method:
        from fsl_nlp.encoders import load_encoder
        from fsl_nlp.methods import build_method

        encoder = load_encoder(self.encoder, device=self.device)
        # Each task its own seed, the same whatever worker takes it.
        seed = int(np.random.SeedSequence([self.seed, task]).generate_state(1)[0])
        return build_method(self.name, encoder, seed=seed, options=self.options)


def score_one_by_one(
    spec: MethodSpec,
    dataset: Dataset,
    table: EpisodeTable,
    *,
    workers: int = 1,
    progress_file: Path | None = None,
) -> tuple[NDArray[np.int64], float]:
    """Predictions [E, Q] and the seconds they took, added up over the workers.

    `progress_file` gets a line a task; an interrupted run that is started again with the same
    file goes on where it stopped.
    """
    done = _read_progress(progress_file, _header(spec, table)) if progress_file else {}
    todo = [e for e in range(len(table)) if e not in done]
    file = _open_progress(progress_file, _header(spec, table)) if progress_file else None
    try:
        with track(len(table), "Tasks") as progress:
            progress(len(done))
            for e, predicted, seconds in _run(spec, dataset, table, todo, workers):
                done[e] = (predicted, seconds)
                if file:
                    file.write(json.dumps({"task": e, "predicted": predicted, "s": seconds}) + "\n")
                    file.flush()
                progress(1)
    finally:
        if file:
            file.close()
    rows = [done[e][0] for e in range(len(table))]
    return np.array(rows, np.int64), sum(seconds for _, seconds in done.values())


def predict_task(method: Method, task: Task) -> list[int]:
    """Positions in the task's labels."""
    classifier = method.fit(task.support)
    scores = classifier.scores(task.query.examples)
    position = [task.labels.index(label) for label in classifier.labels]
    return [position[i] for i in scores.argmax(1).tolist()]


def _run(
    spec: MethodSpec, dataset: Dataset, table: EpisodeTable, todo: list[int], workers: int
) -> Iterator[tuple[int, list[int], float]]:
    if workers <= 1 or len(todo) <= 1:
        for e in todo:
            yield _score(spec, table.task(dataset, e), e)
        return
    # Spawned, not forked: a forked copy of torch's thread pool hangs.
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_start_worker, initargs=(workers,)
    ) as pool:
        jobs = [pool.submit(_score, spec, table.task(dataset, e), e) for e in todo]
        try:
            for job in as_completed(jobs):
                yield job.result()
        finally:
            for job in jobs:
                job.cancel()


def _start_worker(workers: int) -> None:
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))


def _score(spec: MethodSpec, task: Task, e: int) -> tuple[int, list[int], float]:
    method = spec.build(e)
    started = time.perf_counter()
    return e, predict_task(method, task), time.perf_counter() - started


def _header(spec: MethodSpec, table: EpisodeTable) -> dict[str, Any]:
    return {
        "episodes": table.hash,
        "method": spec.name,
        "encoder": spec.encoder,
        "options": spec.options,
        "seed": spec.seed,
    }


def _read_progress(path: Path, header: dict[str, Any]) -> dict[int, tuple[list[int], float]]:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").split("\n")
    try:
        # What follows the last line end was cut off in the middle of writing.
        records = [json.loads(line) for line in lines[:-1]]
    except ValueError:
        raise DataError(f"{path} is no progress of a run. Give another file.") from None
    if records and records[0] != json.loads(json.dumps(header)):
        raise DataError(
            f"{path} belongs to another run ({records[0]}). Give another file, or delete it."
        )
    return {record["task"]: (record["predicted"], record["s"]) for record in records[1:]}


def _open_progress(path: Path, header: dict[str, Any]) -> TextIO:
    """Open for appending, after the last whole line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0
    file = path.open("a", encoding="utf-8")
    file.truncate(whole)
    if whole == 0:
        file.write(json.dumps(header) + "\n")
    return file
