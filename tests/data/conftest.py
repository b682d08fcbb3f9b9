"""Helpers that the tests of the data package share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.errors import DataError
from fsl_nlp.types import Dataset, Label


@pytest.fixture(autouse=True)
def no_unexpected_warning() -> Iterator[None]:
    """A warning is part of what loading says: the tests that do not expect one fail on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file, byte for byte, and returns its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def pairs() -> Callable[[Dataset], list[tuple[str, Label | None]]]:
    """The texts and labels of a dataset."""
    return lambda data: list(zip(data.texts, data.targets, strict=True))


@pytest.fixture
def refusal() -> Callable[..., str]:
    """The message of the DataError that loading raises."""

    def refusal(source: Any, **options: Any) -> str:
        with pytest.raises(DataError) as caught:
            load_dataset(source, **options)
        return str(caught.value)

    return refusal
