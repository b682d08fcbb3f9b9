"""The tiny masked models of `tests/prompts`; files of a corpus."""

from __future__ import annotations

import json
from pathlib import Path

from ..prompts.conftest import masked as masked


def write_rows(path: Path, rows: list[tuple[str, str]]) -> None:
    """A file of texts and their labels, as the corpora of intents have them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    path.write_text("".join(f"{line}\n" for line in lines))
