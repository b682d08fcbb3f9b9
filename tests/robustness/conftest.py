"""Faults that users' machines, files and neighbours bring.

`make test` runs a bounded, seeded part of each test; `make soak` runs the long one.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

Rounds = Callable[[int, int], int]


@pytest.fixture
def rounds() -> Rounds:
    """`rounds(few, many)`: how often a test tries; many with FSL_NLP_SOAK=1."""
    soak = os.environ.get("FSL_NLP_SOAK") == "1"
    return lambda few, many: many if soak else few
