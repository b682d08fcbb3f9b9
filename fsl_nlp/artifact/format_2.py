"""From format 2 to format 3: a classifier that says when it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def upgrade_classifier(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """`classifier.json` of format 2 as one of format 3; it goes on to answer every question."""
    return {**manifest, "parameters": {**manifest["parameters"], "reject": None}}


def upgrade_meta(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """`meta.json` of format 2 as one of format 3: they are the same."""
    return dict(manifest)
