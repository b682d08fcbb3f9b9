"""Data to learn from before an evaluation, for methods that learn from source classes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from fsl_nlp.data import load_dataset
from fsl_nlp.types import Dataset


def load_sources(
    names: Sequence[str] | None, data_dir: str | os.PathLike[str] | None = None
) -> Dataset | None:
    """Several named datasets or files as one, with each label once; None for no name."""
    if not names:
        return None
    parts = [load_dataset(name, data_dir=data_dir) for name in names]
    info = {label: details for part in parts for label, details in part.info.items()}
    examples = [example for part in parts for example in part]
    return Dataset.from_examples(examples, info=info, name=" + ".join(names))
