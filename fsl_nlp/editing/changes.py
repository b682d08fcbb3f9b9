"""A change of a support set: what was done, and how to go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from fsl_nlp.types import Dataset, Example, Label, LabelInfo

# Actions, as `history` names them.
ADD, REMOVE = "add_examples", "remove_examples"
ADD_LABEL, REMOVE_LABEL = "add_label", "remove_label"
RENAME, MERGE, RELABEL = "rename_label", "merge_labels", "relabel"
ADAPT = "adapt"

# How many changes are kept, and how many of them with what it takes to undo them.
LISTED, UNDOABLE = 200, 20


@dataclass(frozen=True)
class Reverse:
    """How to make the support set before a change out of the one after it.

    `added` examples are at the end. `removed` are the positions, and the examples, that the set
    before had. `relabelled` are positions in the set before, with the label there. `labels` and
    `info` are those of the set before.
    """

    added: int
    removed: tuple[tuple[int, Example], ...]
    relabelled: tuple[tuple[int, Label], ...]
    labels: tuple[Label, ...]
    info: Mapping[Label, LabelInfo]

    def apply(self, support: Dataset) -> Dataset:
        """The support set before the change."""
        labelled = support.labelled.examples
        examples = list(labelled[: len(labelled) - self.added])
        for position, example in self.removed:  # in rising order
            examples.insert(position, example)
        for position, label in self.relabelled:
            examples[position] = replace(examples[position], label=label)
        everything = (*examples, *support.unlabelled)
        return replace(support, examples=everything, labels=self.labels, info=self.info)


@dataclass(frozen=True)
class Change:
    """One edit.

    `number` is that of the version that it made, `name` its `model_version`, and `before` that of
    the version that it changed. `examples` and `labels` say how many there were after it, and
    `accuracy` what was expected of it. `reverse` is None if it was too long ago to be undone.
    `steps` are the gradient steps of an `adapt`, and `added` the examples that it brought.

    >>> Change(1, "rename_label", "renamed 'a'", "v0", "v1", 10, 2).to_dict()["can_be_undone"]
    False
    """

    number: int
    action: str
    summary: str
    before: str
    name: str
    examples: int
    labels: int
    accuracy: float | None = None
    reverse: Reverse | None = None
    steps: int = 0
    added: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, without the texts that were removed."""
        fields = asdict(replace(self, reverse=None))
        for name in ("reverse", *(() if self.steps else ("steps", "added"))):
            del fields[name]
        return {**fields, "can_be_undone": self.reverse is not None}


def shortened(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The last changes, of which the very last ones can be undone."""
    recent = changes[-LISTED:]
    old, new = recent[:-UNDOABLE], recent[-UNDOABLE:]
    return (*(replace(change, reverse=None) for change in old), *new)


def change_between(before: Dataset, after: Dataset, kept: Sequence[int]) -> Reverse:
    """How to go back from `after` to `before`.

    `kept` are the positions, among the labelled examples of `before`, of the first ones of `after`;
    the others are new.
    """
    old, new = before.labelled.examples, after.labelled.examples
    remaining = set(kept)
    relabelled = [
        (i, label)
        for i, example in zip(kept, new, strict=False)
        if (label := old[i].label) is not None and label != example.label
    ]
    return Reverse(
        added=len(new) - len(kept),
        removed=tuple((i, e) for i, e in enumerate(old) if i not in remaining),
        relabelled=tuple(relabelled),
        labels=before.labels,
        info=before.info,
    )
