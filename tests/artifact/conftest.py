"""Saved classifiers that cost no time, and what is said of refused ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.errors import ArtifactError


@pytest.fixture
def load(words: TextEncoder) -> Callable[[Path], FewShotClassifier]:
    return lambda folder: FewShotClassifier.load(folder, encoder=words)


@pytest.fixture
def light(words: TextEncoder, tmp_path: Path) -> Path:
    """The folder of a classifier on the encoder that costs no time."""
    return FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2]).save(tmp_path / "light")


def one_file(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(ArtifactError) as caught:
        action()
    return str(caught.value)
