"""Labels that differ in writing alone, as "card_lost" and "Card lost"."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from fsl_nlp.errors import DataError
from fsl_nlp.types import Example, Label

T = TypeVar("T")

_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")
_SEPARATORS = re.compile(r"(?<=\w)[\s_\-‐-―]+(?=\w)|(?<=[^\W_])_+(?=[^\W_])")
_SHOWN = 5


def merge_spellings(examples: Sequence[Example]) -> tuple[list[Example], list[str]]:
    """One label for spellings that look the same, and a sentence for each that was changed.

    They differ in white space, in characters without width, or in how Unicode composes a letter.
    The most frequent spelling stays, else the first.

    >>> labels = ("card lost", "card  lost", "Card lost")
    >>> examples, notes = merge_spellings([Example("a", label) for label in labels])
    >>> [example.label for example in examples], notes
    (['card lost', 'card lost', 'Card lost'], ['"card  lost" (1) is read as "card lost" (1).'])
    """
    counts = Counter(example.label for example in examples if example.label is not None)
    groups: dict[Label, list[Label]] = {}
    for label in counts:
        groups.setdefault(looks(label), []).append(label)
    names: dict[Label | None, Label] = {}
    notes = []
    for spellings in groups.values():
        kept = max(spellings, key=counts.__getitem__)
        for label in spellings:
            if label != kept:
                names[label] = kept
                notes.append(
                    f'"{_visible(label)}" ({counts[label]}) is read as "{_visible(kept)}" '
                    f"({counts[kept]})."
                )
    merged = [replace(e, label=names[e.label]) if e.label in names else e for e in examples]
    return merged, notes


def similar_labels(examples: Sequence[Example]) -> list[str]:
    """A sentence for each group of labels that differ in case, width, spaces, "_" and "-" alone.

    >>> similar_labels([Example("a", "card_lost"), Example("b", "Card_Lost"), Example("c", "x")])
    ['"card_lost" (1), "Card_Lost" (1)']
    """
    counts = Counter(example.label for example in examples if isinstance(example.label, str))
    groups: dict[str, list[str]] = {}
    for label in counts:
        plain = unicodedata.normalize("NFKC", str(label)).casefold()
        groups.setdefault(_SEPARATORS.sub(" ", plain), []).append(str(label))
    return [
        ", ".join(f'"{label}" ({counts[label]})' for label in group[:_SHOWN])
        for group in groups.values()
        if len(group) > 1
    ]


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


def looks(label: Label) -> Label:
    """A key that is equal for labels that look the same."""
    if not isinstance(label, str):
        return label
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFC", label))
    return " ".join(plain.split()) or label


def _visible(label: Label) -> str:
    """The label with escapes for marks that join a letter, and for all white space but a blank."""
    return "".join(
        char if char == " " or unicodedata.category(char)[0] not in "MZC" else f"\\u{ord(char):04x}"
        for char in str(label)
    )
