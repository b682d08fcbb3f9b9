"""A saved classifier that answers, without torch where that is possible."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_nlp.errors import MissingExtraError

if TYPE_CHECKING:
    from fsl_nlp.answering import Answering


def load_bot(folder: Path, device: str = "auto", *, threads: int | None = None) -> Answering:
    """The classifier in a folder; without torch if possible, because that loads faster.

    `threads` are as for `Bot.load`; torch has its own setting.
    """
    if device in ("auto", "cpu"):
        from fsl_nlp.runtime.bot import Bot, NeedsTorchError, is_exported

        if is_exported(folder):
            return Bot.load(folder, threads=threads)
        if os.environ.get("FSL_NLP_BACKEND", "auto") in ("", "auto", "onnx"):
            with suppress(NeedsTorchError, MissingExtraError):
                return Bot.load(folder, threads=threads)
    from fsl_nlp import FewShotClassifier

    return FewShotClassifier.load(folder, device=device)
