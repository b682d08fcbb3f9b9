"""Labels that differ in writing alone, as "card_lost" and "Card lost"."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from fsl_nlp.spelling import looks, without_style
from fsl_nlp.types import Example, Label

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
        groups.setdefault(without_style(label), []).append(str(label))
    return [
        ", ".join(f'"{label}" ({counts[label]})' for label in group[:_SHOWN])
        for group in groups.values()
        if len(group) > 1
    ]


def _visible(label: Label) -> str:
    """The label with escapes for marks that join a letter, and for all white space but a blank."""
    return "".join(
        char if char == " " or unicodedata.category(char)[0] not in "MZC" else f"\\u{ord(char):04x}"
        for char in str(label)
    )
