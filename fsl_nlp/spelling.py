"""When two labels are the same label: written alike, or in the same words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from fsl_nlp.errors import DataError
from fsl_nlp.types import Label

T = TypeVar("T")

_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")
_SEPARATORS = re.compile(r"(?<=\w)[\s_\-‐-―]+(?=\w)|(?<=[^\W_])_+(?=[^\W_])")


def looks(label: Label) -> Label:
    """A key that is equal for labels that look the same."""
    if not isinstance(label, str):
        return label
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFC", label))
    return " ".join(plain.split()) or label


def without_style(label: Label) -> str:
    """A key that is equal for labels that differ in case, width, spaces, "_" and "-" alone.

    >>> without_style("Card_Lost"), without_style("card  lost")
    ('card lost', 'card lost')
    """
    plain = unicodedata.normalize("NFKC", str(looks(label))).casefold()
    return _SEPARATORS.sub(" ", plain)


def match_labels(labels: Sequence[Label], targets: Collection[Label]) -> list[Label]:
    """The labels as `targets` write them: the "3" of a CSV file as 3, if that is a target.

    White space, characters without width and the form of Unicode may differ, too.

    >>> match_labels(["3", "refund ", "card"], [3, "refund"])
    [3, 'refund', 'card']
    """
    exact, by_text = set(targets), {str(label): label for label in targets}
    by_looks = {looks(text): label for text, label in by_text.items()}
    if len(by_looks) < len(by_text):  # they tell apart what looks the same
        by_looks = {}
    return [
        label if label in exact else by_text.get(str(label), by_looks.get(looks(str(label)), label))
        for label in labels
    ]


def match_keys(
    values: Mapping[Any, T], targets: Collection[Label], argument: str
) -> dict[Label, T]:
    """A mapping with its labels as `targets` write them; one label twice is refused.

    >>> match_keys({"3": "blue"}, [3], "descriptions")
    {3: 'blue'}
    >>> match_keys({"red": 1, "red ": 2}, ["red"], "class_weight")
    Traceback (most recent call last):
    fsl_nlp.errors.DataError: class_weight names the label 'red' twice.
    """
    matched: dict[Label, T] = {}
    for label, value in zip(match_labels(list(values), targets), values.values(), strict=True):
        if label in matched:
            raise DataError(f"{argument} names the label {label!r} twice.")
        matched[label] = value
    return matched
