"""Old names of options, accepted for one version."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Any

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.class_weight import BALANCED

RENAMED_OPTIONS = {
    "balance": "class_weight",
    "sharpness": "loss_temperature",
    "soften": "distillation_temperature",
}
_RENAMED_VALUES: dict[str, dict[Any, Any]] = {"balance": {True: BALANCED, False: None}}


def rename_old_options(options: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The options, with an old name replaced where its new one is among `names`."""
    renamed: dict[str, Any] = {}
    for name, value in options.items():
        new = RENAMED_OPTIONS.get(name)
        if new is None or name in names or new not in names:
            renamed[name] = value
            continue
        if new in options:
            raise OptionError(f"{name!r} is the old name of {new!r}. Give one of them.")
        warnings.warn(
            f"The option {name!r} is now {new!r}; the old name will be removed.",
            DeprecationWarning,
            stacklevel=2,
        )
        values = _RENAMED_VALUES.get(name, {})
        renamed[new] = values.get(value, value) if isinstance(value, bool) else value
    return renamed
