"""A change of a support set: what was done, and how to go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fsl_nlp.types import Dataset, Example, Label, LabelInfo

# Actions, as `history` names them.
ADD, REMOVE = "add_examples", "remove_examples"
ADD_LABEL, REMOVE_LABEL = "add_label", "remove_label"
RENAME, MERGE = "rename_label", "merge_labels"


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
        examples = list(support.examples[: len(support) - self.added])
        for position, example in self.removed:  # in rising order
            examples.insert(position, example)
        for position, label in self.relabelled:
            examples[position] = replace(examples[position], label=label)
        return replace(support, examples=tuple(examples), labels=self.labels, info=self.info)


@dataclass(frozen=True)
class Change:
    """One edit. `name` is the `model_version` after it, and `before` the one that it changed.

    `accuracy` is what is expected of the version after it. `reverse` is None if it was too long
    ago to be undone.
    """

    action: str
    summary: str
    before: str
    name: str
    examples: int
    labels: int
    accuracy: float | None = None
    reverse: Reverse | None = None


def change_between(before: Dataset, after: Dataset, kept: Sequence[int]) -> Reverse:
    """How to go back from `after`.

    `kept` are the positions in `before` of the first examples of `after`; the others are new.
    """
    remaining = set(kept)
    removed = [(i, e) for i, e in enumerate(before.examples) if i not in remaining]
    relabelled = [
        (i, old.label)
        for i, new in zip(kept, after.examples, strict=False)
        if (old := before.examples[i]).label != new.label and old.label is not None
    ]
    return Reverse(
        len(after) - len(kept), tuple(removed), tuple(relabelled), before.labels, before.info
    )
