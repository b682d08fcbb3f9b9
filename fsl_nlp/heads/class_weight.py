"""How much each class counts in a training: the values of the option `class_weight`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import require_above

BALANCED = "balanced"

ClassWeight: TypeAlias = str | Mapping[Any, float] | None

MEANING = (
    "balanced: each class counts the same, whatever its number of examples; None: each example "
    "counts the same; {label: number}: the weight of each example of a label, 1 for other labels"
)


def check_class_weight(value: ClassWeight) -> None:
    """Refuse a value that is none of the three, and weights that are not above 0.

    >>> check_class_weight({"refund": -1})
    Traceback (most recent call last):
    fsl_nlp.errors.OptionError: class_weight['refund']=-1: must be greater than 0.
    """
    if value is None or value == BALANCED:
        return
    if not isinstance(value, Mapping):
        raise OptionError(
            f"class_weight={value!r}: must be 'balanced', None or a mapping such as "
            '{"refund": 2}.'
        )
    for label, weight in value.items():
        require_above(f"class_weight[{label!r}]", weight, 0)
