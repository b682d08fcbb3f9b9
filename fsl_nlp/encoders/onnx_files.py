"""ONNX models in files, and the texts that they are tried on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fsl_nlp.runtime.graph import MODEL, WEIGHTS

_LARGE = 1024  # bytes; larger tensors go to a separate file, which is mapped into memory

# Texts for which the graph must give the vectors of the module.
PROBES = (
    "where is my parcel?",
    "我的包裹到哪了",
    "a",
    "Ich möchte mein Geld zurück, bitte! " * 4,
    "I was charged twice 123.45 退款 🙂",
)


def save_model(model: Any, folder: Path) -> None:
    """Write an ONNX model, its weights in a separate file."""
    import onnx

    (folder / WEIGHTS).unlink(missing_ok=True)
    onnx.save_model(
        model,
        folder / MODEL,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=WEIGHTS,
        size_threshold=_LARGE,
    )
    (folder / WEIGHTS).touch()  # a tiny model has no large tensors
    shutil.copymode(folder / MODEL, folder / WEIGHTS)  # onnx makes it readable for the owner only
