"""The FewCLUE benchmark: tasks times splits, resumable, beside the published table."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from fsl_nlp.data.catalogue import CATALOGUE, data_folder
from fsl_nlp.data.fewclue_submission import TASKS, write_fewclue
from fsl_nlp.data.fewrel_submission import zip_predictions
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.evaluation.fewclue_task import Plan, answer_test, score_split, why_not
from fsl_nlp.evaluation.published import PUBLISHED
from fsl_nlp.evaluation.result import versions
from fsl_nlp.progress import track

# Half-widths of a 95% interval in standard errors, for 2 to 5 splits (Student's t).
_STUDENT_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
Row = dict[str, Any]


def run_fewclue(
    plan: Plan,
    tasks: Sequence[str] = TASKS,
    splits: Sequence[int] = (0, 1, 2, 3, 4),
    *,
    data_dir: str | os.PathLike[str] | None = None,
    devices: Sequence[str] = ("auto",),
    workers: int = 1,
    progress_file: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Accuracy on test_public, mean and standard deviation over the splits.

    `progress_file` gets a line a split; the same call again goes on where it was stopped. Jobs
    are shared out over the devices, and over `workers` processes on each.
    """
    _check(tasks, splits)
    file = Path(progress_file) if progress_file else None
    header = _header(plan)
    done = _read_progress(file, header) if file else {}
    skipped = {t: reason for t in tasks if (reason := _why_not(t, plan, splits[0], data_dir))}
    able = [task for task in tasks if task not in skipped]
    if not able:
        raise OptionError("; ".join(f"{task}: {reason}" for task, reason in skipped.items()) + ".")
    todo = [(t, s) for t in able for s in splits if (t, s) not in done]
    with track(len(able) * len(splits), "FewCLUE") as progress:
        progress(len(able) * len(splits) - len(todo))
        for row in _run(plan, todo, data_dir, devices, workers):
            done[row["task"], row["split"]] = row
            if file:
                _append(file, header, row)
            progress(1)
    found = {task: [done[task, split] for split in splits] for task in able}
    return {
        "method": plan.method,
        "encoder": plan.encoder,
        "options": dict(plan.options),
        "unlabelled": plan.texts_without_labels,
        "choices": dict(plan.choices),
        "seed": plan.seed,
        "partial": plan.limit is not None,
        "tasks": {task: summary(task, rows) for task, rows in found.items()},
        "skipped": skipped,
        **_overall([_brief(rows) for rows in found.values()]),
        "interval_over": f"{len(splits)} splits",
        "scored_on": plan.score,
        "published": {method: mean(row.values()) for method, row in PUBLISHED.items()},
        "versions": versions(),
    }


def submit_fewclue(
    plan: Plan,
    folder: str | Path,
    tasks: Sequence[str] = TASKS,
    split: int = 0,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> list[Path]:
    """The official files and their zip: what train_{split} taught says of each `test`."""
    _check(tasks, [split])
    if unable := [task for task in tasks if why_not(task, plan)]:
        reason = why_not(unable[0], plan)
        raise OptionError(f"{plan.method!r} cannot answer {', '.join(unable)}: {reason}.")
    written = []
    for task in tasks:
        examples, answers = answer_test(plan, task, split, data_dir, device)
        written.append(write_fewclue(folder, task, examples, answers))
    return [*written, zip_predictions(Path(folder) / "submission.zip", written)]


def summary(task: str, rows: Sequence[Row]) -> dict[str, Any]:
    """In parts of 1; the published numbers in percent, as they are printed."""
    brief = _brief(rows)
    return {
        **brief,
        "count": rows[0]["count"],
        "splits": list(rows),
        "published": {method: row[task] for method, row in PUBLISHED.items()},
    }


def _brief(rows: Sequence[Row]) -> dict[str, Any]:
    values = [row["accuracy"] for row in rows]
    spread = stdev(values) if len(values) > 1 else None
    width = None
    if spread is not None:
        width = _STUDENT_95[len(values)] * spread / len(values) ** 0.5
    return {"accuracy": mean(values), "deviation": spread, "half_width": width}


def _overall(tasks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean over tasks; their splits are drawn apart, so their errors are independent."""
    widths = [task["half_width"] for task in tasks]
    together = None if None in widths else sum(w**2 for w in widths) ** 0.5 / len(tasks)
    return {"accuracy": mean(task["accuracy"] for task in tasks), "half_width": together}


def _why_not(task: str, plan: Plan, split: int, data_dir: Any) -> str | None:
    """Why a task is left out: the method cannot do it, or the file to score on is not here."""
    if reason := why_not(task, plan):
        return reason
    root, file = data_folder(data_dir), CATALOGUE[task].splits[plan.scored(split)]
    if root is not None and (root / file).is_file():
        return None
    return f"there is no {file} in the data folder"


def _check(tasks: Sequence[str], splits: Sequence[int]) -> None:
    if unknown := [task for task in tasks if task not in TASKS]:
        raise OptionError(f"{unknown[0]!r} is no task of FewCLUE. There are: {', '.join(TASKS)}.")
    if not tasks or not splits or not set(splits) <= set(range(5)):
        raise OptionError(f"splits={list(splits)}: FewCLUE has the splits 0 to 4.")
    if len(set(splits)) != len(splits) or len(set(tasks)) != len(tasks):
        raise OptionError("Name each task and each split once.")


def _run(
    plan: Plan,
    todo: Sequence[tuple[str, int]],
    data_dir: Any,
    devices: Sequence[str],
    workers: int,
) -> Iterator[Row]:
    places = [device for device in devices for _ in range(workers)]
    if len(places) == 1 or len(todo) <= 1:
        for task, split in todo:
            yield score_split(plan, task, split, data_dir, places[0])
        return
    # A pool of one worker for each place, so that a device has what it can hold.
    context = get_context("spawn")  # a forked copy of torch's thread pool hangs
    threads = max(1, (os.cpu_count() or 1) // len(places))
    pools = [
        ProcessPoolExecutor(1, context, initializer=_start_worker, initargs=(threads,))
        for _ in places
    ]
    try:
        jobs = [
            pools[i % len(places)].submit(
                score_split, plan, task, split, data_dir, places[i % len(places)]
            )
            for i, (task, split) in enumerate(todo)
        ]
        for job in as_completed(jobs):
            yield job.result()
    finally:
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def _start_worker(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _header(plan: Plan) -> dict[str, Any]:
    """What a line of another run would differ in. Of a model folder, its files have a say."""
    about = asdict(plan)
    folder = Path(plan.encoder).expanduser()
    if folder.is_dir():
        sizes = [(p.name, p.stat().st_size) for p in sorted(folder.glob("*.safetensors"))]
        about["files"] = hashlib.sha256(repr(sizes).encode()).hexdigest()[:12]
    return dict(json.loads(json.dumps(about)))


def _read_progress(path: Path, header: dict[str, Any]) -> dict[tuple[str, int], Row]:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").split("\n")
    try:
        # What follows the last line end was cut off in the middle of writing.
        records = [json.loads(line) for line in lines[:-1]]
    except ValueError:
        raise DataError(f"{path} is no record of a FewCLUE run. Give another file.") from None
    if records and records[0] != header:
        raise DataError(
            f"{path} belongs to another run ({records[0]}). Give another file, or delete it."
        )
    return {(row["task"], row["split"]): row for row in records[1:]}


def _append(path: Path, header: dict[str, Any], row: Row) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0
    with path.open("a", encoding="utf-8") as file:
        file.truncate(whole)
        if whole == 0:
            file.write(json.dumps(header, ensure_ascii=False) + "\n")
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
