"""The tiny masked models of `tests/prompts`."""

from __future__ import annotations

from ..prompts.conftest import masked as masked
