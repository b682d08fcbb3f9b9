"""The saved forms. The table of their formats is in `fsl_nlp.artifact`."""

from __future__ import annotations

from fsl_nlp.artifact import format_1, format_2
from fsl_nlp.artifact.manifest import Protocol
from fsl_nlp.artifact.schema import ClassifierManifest, MetaManifest

CLASSIFIER = Protocol(
    manifest="classifier.json",
    newest=3,
    suffixes={
        "tensors": "safetensors",
        "examples": "jsonl",
        "history": "jsonl",
        "scorer": "onnx",
    },
    upgrades={1: format_1.upgrade_classifier, 2: format_2.upgrade_classifier},
    schema=ClassifierManifest,
    noun="classifier",
    writers="save() or `fsl-nlp fit --out`",
    again="save it again",
)

META = Protocol(
    manifest="meta.json",
    newest=3,
    suffixes={"parameters": "safetensors"},
    upgrades={1: format_1.upgrade_meta, 2: format_2.upgrade_meta},
    schema=MetaManifest,
    noun="meta-trained method",
    writers="`fsl-nlp meta-train --out`",
    again="train again",
    unsigned=frozenset({1}),
)
