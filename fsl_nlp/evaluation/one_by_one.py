"""Any method, fitted on one episode after another; in worker processes, and resumable."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import OptionError
from fsl_nlp.evaluation.jobs import ProgressFile, Row, run_jobs
from fsl_nlp.evaluation.method_spec import MethodSpec
from fsl_nlp.types import Dataset, Task

if TYPE_CHECKING:
    from fsl_nlp.methods.base import Method


def score_one_by_one(
    spec: MethodSpec,
    dataset: Dataset,
    table: EpisodeTable,
    *,
    workers: int = 1,
    progress_file: Path | None = None,
) -> tuple[NDArray[np.int64], float]:
    """Predictions [E, Q] and the seconds they took, added up over the workers.

    `progress_file` gets a line for each episode; the same call continues after the last line.
    """
    if workers > 1 and not isinstance(spec.encoder, str):
        raise OptionError(
            f"workers={workers}: worker processes load the encoder by name, and this encoder is "
            f"an object. Give its name, {spec.encoder_name!r}."
        )
    header = {
        "episodes": table.hash,
        "method": spec.name,
        "encoder": spec.encoder_name,
        "options": spec.all_options,
        "seed": spec.seed,
    }
    rows = run_jobs(
        range(len(table)),
        _score,
        lambda e: (spec, table.task(dataset, e), e),
        title="Tasks",
        devices=[spec.device] * workers,
        progress_file=ProgressFile(progress_file, header, partial(_task_of, table))
        if progress_file
        else None,
    )
    predicted = np.array([row["predicted"] for row in rows.values()], np.int64)
    return predicted, sum(row["s"] for row in rows.values())


def _task_of(table: EpisodeTable, row: Row) -> int:
    """The number of the task that a row of a progress file is of."""
    task, predicted = int(row["task"]), row["predicted"]
    whole = all(type(i) is int for i in predicted)
    if not 0 <= task < len(table) or not whole or len(predicted) != table.query.shape[1]:
        raise ValueError("it is of no task of this table")
    float(row["s"])
    return task


def predict_task(method: Method, task: Task) -> list[int]:
    """For each query of the task, the position of the predicted label in the task's labels."""
    classifier = method.fit(task.support)
    scores = classifier.scores(task.query.examples)
    position = [task.labels.index(label) for label in classifier.labels]
    return [position[i] for i in scores.argmax(1).tolist()]


def _score(device: str, spec: MethodSpec, task: Task, e: int) -> Row:
    method = replace(spec, device=device).build(e)
    started = time.perf_counter()
    predicted = predict_task(method, task)
    return {"task": e, "predicted": predicted, "s": time.perf_counter() - started}
