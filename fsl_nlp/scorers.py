"""The head of a fitted classifier as an ONNX graph: vectors in, scores out.

The graph is traced from the head itself, so a new head needs no further code.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from fsl_nlp.artifact.record import SavedPart
from fsl_nlp.encoders.graphs import require_onnx
from fsl_nlp.encoders.tracing import trace
from fsl_nlp.errors import ModelError, first_line
from fsl_nlp.methods.base import Classifier, Part
from fsl_nlp.runtime.parts import ROWS, SCORES, VECTORS
from fsl_nlp.runtime.session import import_onnxruntime, open_session

_PROBES = (1, 2, 7)  # numbers of rows that a scorer is checked with
_TOLERANCE = 1e-4  # relative to the largest score


def saved_parts(classifier: Classifier) -> list[SavedPart]:
    """The parts that answer as the classifier does, without torch."""
    import_onnxruntime()
    require_onnx()
    return [_saved(part) for part in classifier.runtime_parts()]


def _saved(part: Part) -> SavedPart:
    entry = {
        "reads": part.reads,
        "weight": part.weight,
        "settings": dict(part.settings),
        "graph": asdict(part.graph.info),
    }
    return SavedPart(entry, _scorer(part) if part.score else None, dict(part.tensors))


def _scorer(part: Part) -> bytes:
    score = part.score
    assert score
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(max(_PROBES), part.width, generator=generator)
    rows /= rows.norm(dim=1, keepdim=True)
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode(False), torch.no_grad():
        path = Path(scratch) / "scorer.onnx"
        try:
            trace(score, {ROWS: rows[:2]}, path, outputs=(SCORES, VECTORS))
            content = path.read_bytes()
            session = open_session(content, path, 1)
            for count in _PROBES:
                expected = score(rows[:count])[0].numpy()
                computed = session.run([SCORES], {ROWS: rows[:count].numpy()})[0]
                allowed = _TOLERANCE * max(1.0, float(np.abs(expected).max()))
                if not np.abs(computed - expected).max() <= allowed:  # so that NaN fails too
                    raise ModelError("the graph gives other scores")
        except Exception as error:  # of any kind: it comes from inside the head or the exporter
            raise ModelError(
                f"The head cannot be exported as a graph: {first_line(error)}."
            ) from error
    return content
