"""The texts of a label: its name and its description."""

from __future__ import annotations

from collections.abc import Sequence

from fsl_nlp.data.labels import readable
from fsl_nlp.errors import DataError
from fsl_nlp.inputs.kinds import PAIR, kinds_of
from fsl_nlp.types import Dataset, Label


def label_texts(label: Label, dataset: Dataset, *, names: bool, descriptions: bool) -> list[str]:
    """The readable name and the description of a label, as texts.

    Pairs of texts have none: a name is no pair.

    >>> label_texts("lost_card", Dataset((), ("lost_card",)), names=True, descriptions=True)
    ['lost card']
    """
    if is_pairs(dataset):
        return []
    info = dataset.info.get(label)
    name = (info and info.name) or readable(label)
    texts = [name if names else None, info.description if info and descriptions else None]
    return [text for text in texts if text]


def all_label_texts(
    dataset: Dataset, *, names: bool = True, descriptions: bool = True
) -> tuple[list[str], list[int]]:
    """The texts of all labels, and the class index of each.

    >>> all_label_texts(Dataset((), ("lost_card", "top_up")))
    (['lost card', 'top up'], [0, 1])
    """
    pairs = [
        (text, i)
        for i, label in enumerate(dataset.labels)
        for text in label_texts(label, dataset, names=names, descriptions=descriptions)
    ]
    return [text for text, _ in pairs], [i for _, i in pairs]


def check_covered(dataset: Dataset, classes: Sequence[int]) -> None:
    """Refuse labels that have neither an example nor a text; `classes` are the indices that do."""
    covered = set(classes)
    if uncovered := [label for i, label in enumerate(dataset.labels) if i not in covered]:
        needed = (
            "an example: a description is no pair"
            if is_pairs(dataset)
            else "an example or a description"
        )
        raise DataError(
            f"These labels have nothing to learn from: {uncovered}. Give each {needed}."
        )


def is_pairs(dataset: Dataset) -> bool:
    """True when the examples, which are of one kind, are pairs of texts."""
    return bool(dataset.examples) and PAIR in kinds_of(dataset.examples[0])
