"""The command line of `tests/cli` and the tiny masked models of `tests/prompts`."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def _conftest_of(folder: str) -> ModuleType:
    path = Path(__file__).parents[1] / folder / "conftest.py"
    spec = spec_from_file_location(f"{folder}_fixtures", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    # Dataclasses of a module look it up by its name.
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


run = _conftest_of("cli").run
masked = _conftest_of("prompts").masked
