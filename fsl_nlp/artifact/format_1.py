"""From format 1 to format 2: other names of options and tensors; what was not said yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OPTIONS = {"sharpness": "loss_temperature", "soften": "distillation_temperature"}
# A tuned classifier does not say whether it was fitted on single texts or pairs.
_TUNED_INPUTS = {"kinds": ["text"], "optional": ["pair"]}
_TENSORS = {
    "self_test.beliefs": "self_test.probabilities",
    "runtime.self_test.beliefs": "runtime.self_test.probabilities",
}


def upgrade_classifier(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """`classifier.json` of format 1 as one of format 2."""
    upgraded = {
        **manifest,
        "parameters": _rename(manifest["parameters"], _OPTIONS),
        "settings": _upgrade_settings(manifest["settings"]),
    }
    if parts := manifest.get("runtime", {}).get("parts"):
        upgraded["inputs"] = _inputs(parts[0], len(manifest["labels"]))
    return upgraded


def _inputs(part: Mapping[str, Any], labels: int) -> dict[str, Any]:
    """The examples that a classifier takes, by what its first part reads."""
    if part["reads"] == "angle":
        return {"kinds": ["pair"]}
    if part["reads"] == "candidates":
        blank = part["settings"]["blank"]
        return {"kinds": ["candidates"], "candidates": labels, "blank": blank}
    return {"text": {"kinds": ["text"]}, "mentions": {"kinds": ["mentions"]}}.get(
        part["reads"], _TUNED_INPUTS
    )


def upgrade_meta(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """`meta.json` of format 1 as one of format 2."""
    unchanged = {key: value for key, value in manifest.items() if key != "file"}
    return {
        **unchanged,
        "options": _rename(manifest["options"], _OPTIONS),
        "files": {"parameters": manifest["file"]},
    }


def upgrade_tensors(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors of a classifier under their names of format 2; those of format 2 stay."""
    return _rename(tensors, _TENSORS)


def _upgrade_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a method restores a classifier from; an ensemble has such settings of each model."""
    renamed = _rename(settings, _OPTIONS)
    if "loss_temperature" in renamed:
        renamed["inputs"] = _TUNED_INPUTS
    if "models" in renamed:
        renamed["models"] = [_upgrade_settings(model) for model in renamed["models"]]
    return renamed


def _rename(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in values.items()}
