"""The process that edits the bots of a server: a line of JSON for each edit, and one back."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import DataError, FslError, OptionError
from fsl_nlp.output import one_line, to_json
from fsl_nlp.serving.errors import INTERNAL, RequestError
from fsl_nlp.serving.logs import write_error

if TYPE_CHECKING:
    from fsl_nlp.classifier import FewShotClassifier
    from fsl_nlp.editing.edits import Edit
    from fsl_nlp.serving.teaching import Teacher

DIFF = "diff"
# The methods of a classifier that a request may call.
EDITS = {"add_examples", "remove_examples", "relabel", "add_label", "remove_label"}
EDITS |= {"rename_label", "merge_labels", "undo", "adapt"}
_UNCONDITIONAL = {"undo", "adapt"}  # they have no `refuse_if_worse`
# Seconds for an edit of another program. The edits of other bots wait as long.
_PATIENCE = 10.0


def main() -> None:
    """Make the edits that standard input asks for, until it ends.

    The server ends it, after the edit that is being made. What ends a service sends the signal to
    all of its processes.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    teachers: dict[str, Teacher] = {}
    for line in sys.stdin.buffer:
        answers.write(to_json(_outcome(teachers, json.loads(line))).encode() + b"\n")
        answers.flush()


def _outcome(teachers: dict[str, Teacher], task: Mapping[str, Any]) -> dict[str, Any]:
    """{"result": ...}, or what is wrong."""
    from fsl_nlp.serving.teaching import Teacher

    folder = task["folder"]
    if folder not in teachers:
        teachers[folder] = Teacher(Path(folder), patience=_PATIENCE)
    try:
        return {"result": _do(teachers[folder], task)}
    except RequestError as error:
        return {**error.to_dict(), "headers": dict(error.headers or {})}
    except FslError as error:
        kind = "validation" if isinstance(error, (DataError, OptionError)) else "unavailable"
        return RequestError(kind, one_line(error)).to_dict()
    except Exception as error:
        write_error(error, messages=False, edit=task["action"])
        return INTERNAL.to_dict()


def _do(teacher: Teacher, task: Mapping[str, Any]) -> dict[str, Any]:
    action = task["action"]
    if action == DIFF:
        classifier = teacher.classifier()
        if not classifier.history():
            raise RequestError("not_found", "This bot has not been edited.")
        return dict(classifier.diff().to_dict())
    assert action in EDITS

    def edit(bot: FewShotClassifier, refuse_if_worse: bool) -> Edit:
        options = {} if action in _UNCONDITIONAL else {"refuse_if_worse": refuse_if_worse}
        made: Edit = getattr(bot, action)(**task["arguments"], **options)
        return made

    return teacher.change(
        edit,
        refuse_if_worse=task["refuse_if_worse"],
        expected_version=task["expected_version"],
    ).to_dict()
