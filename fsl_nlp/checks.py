"""Checks of arguments in Python: every error names the argument and the entry."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fsl_nlp.errors import DataError
from fsl_nlp.types import LONE_SURROGATE, Dataset, Example, Label, LabelInfo, sort_labels


def as_texts(values: Any, argument: str, *, allow_empty: bool = False, first: int = 0) -> list[str]:
    """A flat list of strings, from any sequence, numpy array or pandas column.

    `first` is the number of the first entry in messages, for a part of a longer list.

    >>> as_texts(np.array(["a", "b"]), "texts")
    ['a', 'b']
    """
    items = _as_list(values, argument)
    for i, item in enumerate(items, first):
        if not isinstance(item, str):
            raise DataError(f"{argument}[{i}] must be a string, got {_describe(item)}.")
        if not item.strip() and not allow_empty:
            raise DataError(f"{argument}[{i}] is empty. Leave it out, or write what it should say.")
        _check_characters(item, f"{argument}[{i}]")
    return [str(item) for item in items]


def as_examples(
    values: Any, argument: str, *, allow_empty: bool = False, first: int = 0
) -> list[Example]:
    """Texts as examples; an `Example` stays as it is.

    >>> as_examples(["a", Example("b", text_b="c")], "texts")[1].text_b
    'c'
    """
    items = _as_list(values, argument)
    texts = [item.text if isinstance(item, Example) else item for item in items]
    checked = as_texts(texts, argument, allow_empty=allow_empty, first=first)
    for i, item in enumerate(items, first):
        if isinstance(item, Example):
            _check_fields(item, f"{argument}[{i}]")
    return [
        item if isinstance(item, Example) else Example(text)
        for item, text in zip(items, checked, strict=True)
    ]


def _check_fields(example: Example, name: str) -> None:
    """Check the second text and the candidates of an example."""
    texts = {f"candidates[{i}]": text for i, text in enumerate(example.candidates)}
    if example.text_b is not None:
        texts["text_b"] = example.text_b
    for field, text in texts.items():
        if not isinstance(text, str):
            raise DataError(f"{name}.{field} must be a string, got {_describe(text)}.")
        _check_characters(text, f"{name}.{field}")


def as_labels(values: Any, argument: str) -> list[Label]:
    """A flat list of strings or whole numbers.

    >>> as_labels([np.int64(3), 4.0, "refund"], "labels")
    [3, 4, 'refund']
    """
    labels: list[Label] = []
    for i, item in enumerate(_as_list(values, argument)):
        if isinstance(item, str):
            if not item.strip():
                raise DataError(f"{argument}[{i}] is empty. Every text needs a label.")
            _check_characters(item, f"{argument}[{i}]")
            labels.append(str(item))
        elif isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            labels.append(int(item))
        elif isinstance(item, (float, np.floating)):
            # pandas turns a column of whole numbers with a gap into floats.
            if not item.is_integer():
                raise DataError(
                    f"{argument}[{i}] must be a string or a whole number, not missing or "
                    f"continuous, got {_describe(item)}."
                )
            labels.append(int(item))
        else:
            raise DataError(
                f"{argument}[{i}] must be a string or a whole number, got {_describe(item)}."
            )
    return labels


def match_labels(labels: Sequence[Label], targets: Collection[Label]) -> list[Label]:
    """The labels with the types of `targets`: the "3" of a CSV file as 3, if that is a target.

    >>> match_labels(["3", "refund"], [3, 4])
    [3, 'refund']
    """
    exact, by_text = set(targets), {str(label): label for label in targets}
    return [label if label in exact else by_text.get(str(label), label) for label in labels]


def as_support(
    texts: list[Example],
    labels: list[Label],
    descriptions: Mapping[Label, str] | None,
    words: Mapping[Label, Any] | None = None,
) -> Dataset:
    """The support set of these texts and labels; a label may have only a description.

    Without texts and descriptions, the labels are those that have `words` for a prompt.

    >>> as_support([Example("red wine")], ["wine"], {"beer": "brewed"}).labels
    ('beer', 'wine')
    >>> as_support([], [], None, {"beer": "beer", "wine": "wine"}).labels
    ('beer', 'wine')
    """
    if len(texts) != len(labels):
        raise DataError(unequal(len(texts), len(labels)))
    described = _as_descriptions(descriptions)
    if not texts and not described:
        if not isinstance(words, Mapping) or not words:
            raise DataError(
                "There is nothing to learn from: give texts with labels, or descriptions."
            )
        return Dataset((), tuple(sort_labels(as_labels(list(words), "words"))))
    pairs = zip(texts, labels, strict=True)
    examples = tuple(replace(example, label=label) for example, label in pairs)
    all_labels = sort_labels({*labels, *described})
    info = {label: LabelInfo(description=text) for label, text in described.items()}
    return Dataset(examples, tuple(all_labels), info)


def with_descriptions(data: Dataset, described: Mapping[Label, str]) -> Dataset:
    """The dataset with descriptions of its labels; a new label may have only a description.

    >>> data = Dataset.from_texts(["red wine"], ["wine"])
    >>> with_descriptions(data, {"beer": "brewed"}).labels
    ('beer', 'wine')
    """
    support = as_support(list(data.examples), data.known_targets, described)
    info = {label: data.info[label] for label in support.labels if label in data.info}
    for label, details in support.info.items():
        info[label] = replace(info.get(label, LabelInfo()), description=details.description)
    return replace(support, info=info)


def check_support(support: Dataset) -> None:
    """Refuse empty texts, labels that the dataset does not list, and fewer than two classes."""
    as_examples(support.labelled.examples, "texts")
    as_examples(support.unlabelled, "unlabelled")
    support = support.labelled
    unlisted = set(as_labels(support.targets, "labels")).difference(support.labels)
    if unlisted:
        raise DataError(f"The dataset does not list these labels of its texts: {unlisted}.")
    # With candidates a label is a position, and the right one may always be the first.
    if len(support.labels) < 2 and not any(example.candidates for example in support.examples):
        raise DataError(
            f"A classifier needs at least two classes, got {len(support.labels)} class: "
            f"{list(support.labels)}."
        )


def unequal(texts: int, labels: int) -> str:
    """The message for texts and labels that are not equally many."""
    return f"texts has {texts} entries and labels has {labels}; each text needs a label."


def _as_descriptions(descriptions: Mapping[Label, str] | None) -> dict[Label, str]:
    if descriptions is None:
        return {}
    if not isinstance(descriptions, Mapping):
        raise DataError(
            "descriptions must be a dictionary {label: what it means}, "
            f"got a {type(descriptions).__name__}."
        )
    labels = as_labels(list(descriptions), "descriptions")
    for label, text in zip(labels, descriptions.values(), strict=True):
        as_texts([text], f"descriptions[{label!r}]")
    return dict(zip(labels, descriptions.values(), strict=True))


def _check_characters(text: str, name: str) -> None:
    if LONE_SURROGATE.search(text):
        raise DataError(
            f"{name} holds half a character (a lone surrogate): {_describe(text)}. It was cut "
            "inside an emoji, or decoded from bytes that are not UTF-8."
        )


def _as_list(values: Any, argument: str) -> list[Any]:
    if isinstance(values, (str, bytes, Mapping)) or values is None:
        raise DataError(f"{argument} must be a list, got {_describe(values)}.")
    if isinstance(values, (set, frozenset)):
        raise DataError(f"{argument} must be a list; a {type(values).__name__} has no order.")
    shape = getattr(values, "shape", None)
    if shape is not None and len(shape) != 1:
        raise DataError(
            f"{argument} must have one dimension, got shape {tuple(shape)}. "
            "Of a table, pass one column."
        )
    try:
        return list(values)
    except TypeError:
        raise DataError(f"{argument} must be a list, got {_describe(values)}.") from None


def _describe(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 40 else shown[:37] + '...'}"
