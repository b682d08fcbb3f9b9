"""The process that edits the bots of a server: a line of JSON for each edit, and one back."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import DataError, FslError, OptionError
from fsl_nlp.output import to_json
from fsl_nlp.serving.errors import INTERNAL, RequestError

if TYPE_CHECKING:
    from fsl_nlp.classifier import FewShotClassifier
    from fsl_nlp.editing.edits import Edit
    from fsl_nlp.serving.teaching import Teacher

DIFF = "diff"
# The methods of a classifier that a request may call.
EDITS = {"add_examples", "remove_examples", "relabel", "add_label", "remove_label"}
EDITS |= {"rename_label", "merge_labels", "undo", "adapt"}
_ALWAYS = {"undo", "adapt"}  # they have no `refuse_if_worse`


def main() -> None:
    """Make the edits that standard input asks for, until it ends."""
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
        teachers[folder] = Teacher(Path(folder))
    try:
        return {"result": _do(teachers[folder], task)}
    except RequestError as error:
        return {**error.to_dict(), "headers": dict(error.headers or {})}
    except FslError as error:
        kind = "validation" if isinstance(error, (DataError, OptionError)) else "unavailable"
        return RequestError(kind, str(error)).to_dict()
    except Exception as error:
        # Without the message of the error: a text may stand in it.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logging.getLogger("fsl_nlp").error("%s%s in an edit", frames, type(error).__name__)
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
        options = {} if action in _ALWAYS else {"refuse_if_worse": refuse_if_worse}
        made: Edit = getattr(bot, action)(**task["arguments"], **options)
        return made

    return teacher.change(
        edit,
        refuse_if_worse=task["refuse_if_worse"],
        expected_version=task["expected_version"],
    ).to_dict()
