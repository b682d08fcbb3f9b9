"""Checks of arguments in Python: every error names the argument and the entry."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from numbers import Real
from typing import Any

import numpy as np

from fsl_nlp.errors import DataError, did_you_mean, warn_once
from fsl_nlp.spelling import without_style
from fsl_nlp.types import (
    LONE_SURROGATE,
    WHOLE_NUMBERS,
    Dataset,
    Example,
    Label,
    LabelInfo,
    sort_labels,
)

_SHOWN = 5  # labels in a note


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
    return [str.__str__(item) for item in items]  # str() of a member of an Enum is its name


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
        (item if type(item.text) is str else replace(item, text=text))
        if isinstance(item, Example)
        else Example(text)
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
    """A flat list of strings or whole numbers; a member of an Enum is its value.

    Notes say so when whole numbers are written as floats, and when texts and numbers are mixed.

    >>> as_labels([np.int64(3), np.str_("refund")], "labels")
    [3, 'refund']
    """
    items = [item.value if isinstance(item, Enum) else item for item in _as_list(values, argument)]
    labels = [_as_label(item, f"{argument}[{i}]") for i, item in enumerate(items)]
    if any(isinstance(item, (float, np.floating)) for item in items):
        warn_once(f"{argument}: numbers such as 3.0 are read as whole numbers, such as 3.")
    _check_mixture(labels, argument)
    return labels


def _as_label(item: Any, name: str) -> Label:
    if isinstance(item, str):
        if not item.strip():
            raise DataError(f"{name} is empty. Every text needs a label.")
        _check_characters(item, name)
        if "\0" in item:  # at the end of a text, numpy would drop it
            raise DataError(f"{name} holds a NUL character: {_describe(item)}. Remove it.")
        return str.__str__(item)
    if isinstance(item, (bool, np.bool_)):
        raise DataError(
            f"{name} is the boolean {item}. A label must be a string or a whole number: write "
            "'yes' and 'no', or 1 and 0."
        )
    # pandas turns a column of whole numbers with a gap into floats.
    is_float = isinstance(item, (float, np.floating))
    if is_float and not item.is_integer():
        raise DataError(
            f"{name} must be a string or a whole number, not missing or continuous, "
            f"got {_describe(item)}."
        )
    if not is_float and not isinstance(item, (int, np.integer)):
        raise DataError(f"{name} must be a string or a whole number, got {_describe(item)}.")
    if int(item) not in WHOLE_NUMBERS:
        raise DataError(
            f"{name} is a number beyond 64 bits: {_describe(item)}. Write it as a string."
        )
    return int(item)


def _check_mixture(labels: Sequence[Label], argument: str) -> None:
    """Note texts beside whole numbers, and refuse the same label as both."""
    first = {label: i for i, label in reversed(list(enumerate(labels)))}
    numbers = [label for label in first if isinstance(label, int)]
    if len(numbers) in (0, len(first)):
        return
    for number in numbers:
        if str(number) in first:
            raise DataError(
                f"{argument}[{first[number]}] is the number {number} and "
                f"{argument}[{first[str(number)]}] the string '{number}'. Write one of them."
            )
    text = next(label for label in first if isinstance(label, str))
    warn_once(
        f"{argument} holds whole numbers, such as {numbers[0]}, and strings, such as {text!r}. "
        "Write one kind if that is not what you want."
    )


LARGEST_WEIGHT = 1e9
# Smaller shares of the largest weight would be lost in single precision.
_SMALLEST_SHARE = 1e-6


def as_weights(values: Any, argument: str, count: int | None = None) -> list[float]:
    """A flat list of numbers from 0, not all of them 0; with `count`, of so many.

    >>> as_weights([1, 0.5, 0], "sample_weight")
    [1.0, 0.5, 0.0]
    >>> as_weights([1, -2], "sample_weight")
    Traceback (most recent call last):
    fsl_nlp.errors.DataError: sample_weight[1] must be a number from 0 to 1e+09, got int -2.
    """
    items = _as_list(values, argument)
    if count is not None and len(items) != count:
        raise DataError(
            f"{argument} has {len(items)} entries and texts has {count}; each text needs a weight."
        )
    for i, item in enumerate(items):
        is_number = isinstance(item, (Real, np.floating)) and not isinstance(item, (bool, np.bool_))
        if not is_number or not 0 <= item <= LARGEST_WEIGHT:
            raise DataError(
                f"{argument}[{i}] must be a number from 0 to {LARGEST_WEIGHT:g}, got "
                f"{_describe(item)}."
            )
    weights = [float(item) for item in items]
    largest = max(weights, default=1.0)
    if largest == 0:
        raise DataError(f"{argument} is 0 for every text, so there is nothing to learn from.")
    for i, weight in enumerate(weights):
        if 0 < weight < _SMALLEST_SHARE * largest:
            raise DataError(
                f"{argument}[{i}]={weight:g} is less than a millionth of the largest, {largest:g}. "
                "Write 0 to leave the text out."
            )
    return weights


def weighted(examples: Sequence[Example], sample_weight: Any) -> list[Example]:
    """The examples with these weights, one for each; unchanged for None.

    >>> weighted([Example("a")], [2])[0].weight
    2.0
    """
    if sample_weight is None:
        return list(examples)
    weights = as_weights(sample_weight, "sample_weight", len(examples))
    return [replace(e, weight=weight) for e, weight in zip(examples, weights, strict=True)]


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
    check_equal(len(texts), len(labels))
    described = _as_descriptions(descriptions)
    _check_described(list(described), set(labels))
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


def checked_support(support: Dataset) -> Dataset:
    """The dataset with plain texts and labels.

    Empty texts, labels that it does not list, and fewer than two classes are refused.
    """
    names = as_labels(support.labels, "labels")
    labelled = as_examples(support.labelled.examples, "texts")
    targets = as_labels([example.label for example in labelled], "labels")
    if unlisted := set(targets).difference(names):
        raise DataError(f"The dataset does not list these labels of its texts: {unlisted}.")
    # With candidates a label is a position, and the right one may always be the first.
    if len(names) < 2 and not any(example.candidates for example in labelled):
        raise DataError(
            f"A classifier needs at least two classes, got {len(names)} class: {names}."
        )
    plain = iter(replace(e, label=label) for e, label in zip(labelled, targets, strict=True))
    unlabelled = iter(as_examples(support.unlabelled, "unlabelled"))
    examples = (next(unlabelled if example.label is None else plain) for example in support)
    return replace(support, examples=tuple(examples), labels=tuple(names))


def check_equal(texts: int, labels: int) -> None:
    """Refuse texts and labels that are not equally many."""
    if texts != labels:
        raise DataError(
            f"texts has {texts} entries and labels has {labels}; each text needs a label."
        )


def _as_descriptions(descriptions: Mapping[Label, str] | None) -> dict[Label, str]:
    if descriptions is None:
        return {}
    if not isinstance(descriptions, Mapping):
        raise DataError(
            "descriptions must be a dictionary {label: what it means}, "
            f"got a {type(descriptions).__name__}."
        )
    labels = as_labels(list(descriptions), "descriptions")
    if len(set(labels)) < len(labels):
        raise DataError("descriptions describes a label twice: once as it is, once as an Enum.")
    for label, text in zip(labels, descriptions.values(), strict=True):
        as_texts([text], f"descriptions[{label!r}]")
    return dict(zip(labels, descriptions.values(), strict=True))


def _check_described(described: Sequence[Label], labels: Collection[Label]) -> None:
    """Refuse a description for a label in another spelling; note labels that have no example."""
    added = [label for label in described if label not in labels]
    if not labels or not added:  # without examples, every label has only a description
        return
    spellings = {without_style(label): label for label in labels}
    for label in added:
        if (other := spellings.get(without_style(label))) is not None:
            raise DataError(
                f"descriptions[{label!r}] is for no label of the texts, but {other!r} is one. "
                "Write the label as the texts have it."
            )
    names = [str(label) for label in labels]
    suggestions = {label: did_you_mean(str(label), names) for label in added}
    for label, suggestion in suggestions.items():
        if suggestion:
            warn_once(f"No text has the label {label!r}, only a description.{suggestion}")
    others = [str(label) for label, suggestion in suggestions.items() if not suggestion]
    if others:
        shown = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
        warn_once(f"Labels that have a description and no text: {shown}.")


def _check_characters(text: str, name: str) -> None:
    if LONE_SURROGATE.search(text):
        raise DataError(
            f"{name} holds half a character (a lone surrogate): {_describe(text)}. It was cut "
            "inside an emoji, or decoded from bytes that are not UTF-8."
        )


def _as_list(values: Any, argument: str) -> list[Any]:
    if isinstance(values, (str, bytes, Mapping)) or values is None:
        one = " Write a list of one text." if isinstance(values, str) else ""
        raise DataError(f"{argument} must be a list, got {_describe(values)}.{one}")
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
