"""Changes of a support set, without any learning: examples and labels in, another set out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fsl_nlp.editing.changes import (
    ADD,
    ADD_LABEL,
    MERGE,
    RELABEL,
    REMOVE,
    REMOVE_LABEL,
    RENAME,
    Reverse,
    change_between,
)
from fsl_nlp.errors import DataError, did_you_mean
from fsl_nlp.spelling import match_labels, without_style
from fsl_nlp.types import Dataset, Example, Label, LabelInfo, sort_labels

_SHOWN = 3  # labels in a summary


@dataclass(frozen=True)
class Draft:
    """A changed support set, before anything has learned from it.

    `renamed` maps labels of the set before to those that took their place. `steps` are the
    gradient steps to take; 0 is to learn again.
    """

    action: str
    summary: str
    support: Dataset
    reverse: Reverse
    renamed: dict[Label, Label]
    note: str = ""
    steps: int = 0


def add_examples(support: Dataset, examples: Sequence[Example]) -> Draft:
    """With more examples of labels that it has; those that it has already are left out."""
    labels = match_labels([_label(example) for example in examples], support.labels)
    new = [replace(e, label=label) for e, label in zip(examples, labels, strict=True)]
    for label in labels:
        _check_label(support, label, hint="For a new label use add_label (`edit BOT add-label`).")
    return _with_more(support, new, ADD)


def add_label(
    support: Dataset, label: Label, examples: Sequence[Example], description: str | None
) -> Draft:
    """With one more label."""
    label = _alike(support, label)
    if label in support.labels:
        raise DataError(f"The label {label!r} exists. Use add_examples (`edit BOT add`).")
    _refuse_spelling(support, label)
    if not examples and not description:
        raise DataError(f"Give texts of the label {label!r}, or its description.")
    info = dict(support.info)
    if description:
        info[label] = LabelInfo(description=description)
    wider = replace(support, labels=_ordered(support, [*support.labels, label]), info=info)
    return _with_more(
        wider, [replace(e, label=label) for e in examples], ADD_LABEL, before=support, named=label
    )


def remove_examples(support: Dataset, examples: Iterable[Example]) -> Draft:
    """Without these examples, whatever their labels."""
    stored = support.labelled.examples
    unwanted = {key_of(example) for example in _stored(support, examples)}
    kept = [i for i, example in enumerate(stored) if key_of(example) not in unwanted]
    _refuse_empty(stored, [stored[i] for i in kept])
    return _without(support, kept, support.labels, REMOVE)


def remove_label(support: Dataset, label: Label) -> Draft:
    """Without a label and its examples."""
    (label,) = match_labels([label], support.labels)
    _check_label(support, label)
    stored = support.labelled.examples
    kept = [i for i, example in enumerate(stored) if example.label != label]
    labels = tuple(other for other in support.labels if other != label)
    return _without(support, kept, labels, REMOVE_LABEL, named=label)


def rename_label(support: Dataset, old: Label, new: Label) -> Draft:
    """With another name for a label; its description and its words stay."""
    (old,) = match_labels([old], support.labels)
    _check_label(support, old)
    new = _alike(support, new)
    if new in support.labels:
        raise DataError(
            f"The label {new!r} exists. To make one label of both use merge_labels (`edit BOT "
            "merge`)."
        )
    info = {new if label == old else label: details for label, details in support.info.items()}
    labels = [new if label == old else label for label in support.labels]
    summary = f"renamed {old!r} to {new!r}"
    return _relabelled(support, {old: new}, labels, info, RENAME, summary)


def merge_labels(support: Dataset, labels: Sequence[Label], into: Label) -> Draft:
    """With one label in place of several. `into` is one of them, another label, or a new one."""
    merged = list(dict.fromkeys(match_labels(labels, support.labels)))
    (into,) = match_labels([_alike(support, into)], support.labels)
    for label in merged:
        _check_label(support, label)
    merged = [label for label in merged if label != into]
    if not merged or (len(merged) < 2 and into not in support.labels):
        raise DataError(
            f"merge_labels: {into!r} would be made of one label only. Name two or more, or use "
            "rename_label (`edit BOT rename`)."
        )
    remaining = [label for label in support.labels if label not in merged]
    all_labels = remaining if into in remaining else [*remaining, into]
    info = {label: details for label, details in support.info.items() if label not in merged}
    summary = f"merged {_listed(merged)} into {into!r}"
    renamed = dict.fromkeys(merged, into)
    return _relabelled(support, renamed, all_labels, info, MERGE, summary)


def relabel(
    support: Dataset, examples: Sequence[Example], label: Label, create: bool = False
) -> Draft:
    """With another label for stored examples; those that have it already stay."""
    (label,) = match_labels([_alike(support, label)], support.labels)
    labels = support.labels
    if create and label not in labels:
        _refuse_spelling(support, label)
        labels = _ordered(support, [*labels, label])
    else:
        _check_label(support, label, hint="For a new label use add_label (`edit BOT add-label`).")
    chosen = {key_of(example) for example in _stored(support, examples)}
    stored = support.labelled.examples
    changed = [
        replace(e, label=label) if key_of(e) in chosen and e.label != label else e for e in stored
    ]
    moved = [old for old, new in zip(stored, changed, strict=True) if old != new]
    if not moved:
        raise DataError(f"There is nothing to change: {_texts(len(chosen))} of {label!r} already.")
    _refuse_empty(stored, changed)
    after = replace(_with_labelled(support, changed), labels=labels)
    skipped = len(chosen) - len(moved)
    return Draft(
        RELABEL,
        f"relabelled {_texts(len(moved))} of {_by_label(moved)} as {label!r}",
        after,
        change_between(support, after, range(len(stored))),
        {},
        f"left out {_texts(skipped)} of {label!r} already." if skipped else "",
    )


def _stored(support: Dataset, examples: Iterable[Example]) -> list[Example]:
    """The examples, all of which must be stored, whatever their labels there."""
    wanted = {key_of(example): example for example in examples}
    stored = support.labelled.examples
    keys = set(map(key_of, stored))
    if missing := [e for k, e in wanted.items() if k not in keys]:
        nearest = did_you_mean(missing[0].text, [example.text for example in stored])
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(f"This is no stored example: {missing[0].text[:60]!r}{more}.{nearest}")
    return list(wanted.values())


def _refuse_empty(before: Iterable[Example], after: Iterable[Example]) -> None:
    """Refuse a change that leaves a label without an example."""
    if emptied := {e.label for e in before} - {e.label for e in after}:
        label = min(emptied, key=str)
        raise DataError(
            f"Then the label {label!r} would have no example. Use remove_label (`edit BOT "
            "remove-label`), or add other examples first."
        )


def _with_more(
    support: Dataset,
    examples: Sequence[Example],
    action: str,
    *,
    before: Dataset | None = None,
    named: Label | None = None,
) -> Draft:
    stored = {key_of(example): example for example in support.labelled.examples}
    new: dict[Any, Example] = {}
    for example in examples:
        other = stored.get(key_of(example)) or new.get(key_of(example))
        if other is not None and other.label != example.label:
            raise DataError(
                f"{example.text[:60]!r} is an example of {other.label!r}; it cannot be one of "
                f"{example.label!r}, too. Remove it first, or leave it out."
            )
        if other is None:
            new[key_of(example)] = example
    skipped = len(examples) - len(new)
    if not new and named is None:
        raise DataError("There is nothing to add: all these texts are stored already.")
    before = before or support
    labelled = before.labelled.examples
    changed = _with_labelled(support, [*labelled, *new.values()])
    summary = f"added {_texts(len(new))} of {_by_label(new.values())}"
    if named is not None:
        summary = f"added the label {named!r} with {_texts(len(new))}"
    return Draft(
        action,
        summary,
        changed,
        change_between(before, changed, range(len(labelled))),
        {},
        f"left out {_texts(skipped)}: stored already, or given twice." if skipped else "",
    )


def _without(
    support: Dataset,
    kept: Sequence[int],
    labels: tuple[Label, ...],
    action: str,
    named: Label | None = None,
) -> Draft:
    stored = support.labelled.examples
    info = {label: details for label, details in support.info.items() if label in labels}
    changed = replace(_with_labelled(support, [stored[i] for i in kept]), labels=labels, info=info)
    removed = set(range(len(stored))) - set(kept)
    summary = f"removed {_texts(len(removed))} of {_by_label(stored[i] for i in removed)}"
    if named is not None:
        summary = f"removed the label {named!r} with {_texts(len(removed))}"
    return Draft(action, summary, changed, change_between(support, changed, kept), {})


def _relabelled(
    support: Dataset,
    renamed: dict[Label, Label],
    labels: Sequence[Label],
    info: dict[Label, LabelInfo],
    action: str,
    summary: str,
) -> Draft:
    new = next(iter(renamed.values()))
    if new not in support.labels:
        _refuse_spelling(support, new, leaving_out=renamed)
    stored = support.labelled.examples
    examples = [replace(e, label=renamed.get(_label(e), _label(e))) for e in stored]
    changed = replace(
        _with_labelled(support, examples), labels=_ordered(support, labels), info=info
    )
    reverse = change_between(support, changed, range(len(stored)))
    return Draft(action, summary, changed, reverse, renamed)


def _with_labelled(support: Dataset, examples: Iterable[Example]) -> Dataset:
    return replace(support, examples=(*examples, *support.unlabelled))


def _ordered(support: Dataset, labels: Sequence[Label]) -> tuple[Label, ...]:
    """The labels in sorted order if those of the support set are sorted, as `fit` sorts them."""
    is_sorted = list(support.labels) == sort_labels(support.labels)
    return tuple(sort_labels(labels) if is_sorted else labels)


def key_of(example: Example) -> tuple[object, ...]:
    """Equal for examples that say the same, whatever their labels."""
    return (example.text, example.text_b, example.head, example.tail, example.candidates)


def _label(example: Example) -> Label:
    if example.label is None:
        raise DataError(f"This text has no label: {example.text[:60]!r}.")
    return example.label


def _alike(support: Dataset, label: Label) -> Label:
    """A new label as a number where all others are: a command line has texts only."""
    numbers = all(isinstance(other, int) for other in support.labels)
    return int(label) if numbers and isinstance(label, str) and label.isdecimal() else label


def _check_label(support: Dataset, label: Label, hint: str = "") -> None:
    if label not in support.labels:
        nearest = did_you_mean(str(label), [str(other) for other in support.labels])
        raise DataError(f"There is no label {label!r}.{nearest} {hint}".rstrip())


def _refuse_spelling(support: Dataset, label: Label, leaving_out: Iterable[Label] = ()) -> None:
    """Refuse a new label that an existing one differs from in style alone."""
    others = {without_style(x): x for x in support.labels if x not in set(leaving_out)}
    if (other := others.get(without_style(label))) is not None:
        raise DataError(f"{label!r} looks like the label {other!r}. Write it in that way.")


def _texts(count: int) -> str:
    return "1 text" if count == 1 else f"{count} texts"


def _by_label(examples: Iterable[Example]) -> str:
    counts = Counter(_label(example) for example in examples)
    return _listed([label for label, _ in counts.most_common()])


def _listed(labels: Sequence[Label]) -> str:
    shown = ", ".join(repr(label) for label in labels[:_SHOWN])
    return shown + (f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else "")
