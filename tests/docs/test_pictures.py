"""The committed pictures are what their script draws, and stay small."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "docs" / "tools"


def test_pictures_are_what_the_script_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    pictures = importlib.import_module("pictures")
    drawn = {f"{name}.svg": draw().svg() for name, draw in pictures.PICTURES.items()}
    committed = {path.name: path.read_text(encoding="utf-8") for path in pictures.FOLDER.iterdir()}
    assert committed == drawn
    assert max(len(svg.encode()) for svg in drawn.values()) < 15_000
