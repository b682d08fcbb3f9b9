"""Small masked models for the commands."""

from __future__ import annotations

from ..prompts.conftest import save as save
