"""The files that FewCLUE's leaderboard takes: a JSON object a line, with the id of the source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fsl_nlp.errors import DataError
from fsl_nlp.folders import write_atomically
from fsl_nlp.types import Example, Label

FILES = {
    "eprstmt": "eprstmt_predict.json",
    "csldcp": "csldcp_predict.json",
    "tnews": "tnewsf_predict.json",
    "iflytek": "iflytekf_predict.json",
    "ocnli": "ocnlif_predict.json",
    "bustm": "bustm_predict.json",
    "csl": "cslf_predict.json",
    "chid": "chidf_predict.json",
    "cluewsc": "cluewscf_predict.json",
}
TASKS = tuple(FILES)  # in the order of the published table


def write_fewclue(
    folder: str | Path, task: str, examples: Sequence[Example], answers: Sequence[Label]
) -> Path:
    """Write a task's file; the examples are those of its `test`, in any order."""
    if task not in FILES:
        raise DataError(f"{task!r} is not a task of FewCLUE. Its tasks: {', '.join(FILES)}.")
    if len(examples) != len(answers):
        raise DataError(f"{len(answers)} answers for {len(examples)} examples of {task}.")
    ids = [example.id for example in examples]
    if None in ids or len(set(ids)) != len(ids):
        raise DataError(f"The test examples of {task} need an id each, and no two the same.")
    rows = [_row(task, str(id_), answer) for id_, answer in zip(ids, answers, strict=True)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path = Path(folder) / FILES[task]
    write_atomically(path, lines)
    return path


def _row(task: str, id_: str, answer: Label) -> dict[str, Any]:
    """One line. Ids are texts in tnews, else numbers; answers are numbers in chid, else texts."""
    key: str | int = id_ if task == "tnews" else _number(task, id_)
    if task == "chid":
        return {"id": key, "answer": _number(task, str(answer))}
    return {"id": key, "label": str(answer)}


def _number(task: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{task}: {text!r} is not a whole number.") from None
