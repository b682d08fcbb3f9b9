"""The outputs of a method for a part of the support that it did not learn from."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.data.generic import generic_texts
from fsl_nlp.decision.learning import Reference, learn_decision
from fsl_nlp.decision.outputs import HeldOut
from fsl_nlp.decision.policy import Decision
from fsl_nlp.decision.targets import Targets
from fsl_nlp.errors import OptionError
from fsl_nlp.inputs.kinds import CANDIDATES, PAIR, TEXT, common_kinds
from fsl_nlp.inputs.label_texts import all_label_texts
from fsl_nlp.methods.base import Classifier, Method
from fsl_nlp.methods.weights import with_weight
from fsl_nlp.progress import report
from fsl_nlp.splits import deal_folds
from fsl_nlp.torch_state import own_torch_state
from fsl_nlp.types import Dataset, Example
from fsl_nlp.vectors import Matrix, unit

log = logging.getLogger("fsl_nlp")

FOLDS = 5
# So many held-out examples are enough, so that a large support needs fewer folds.
_ENOUGH = 1000
# Learning from more unlabelled texts takes too long to be done for each split.
_MANY_UNLABELLED = 1000
# A method needs two labels, and one must be held out.
_FEWEST_LABELS = 3

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The positions of the examples to learn from, of those to judge, and the labels held out."""

    learn: Rows
    judge: Rows
    labels: frozenset[int] = frozenset()


@own_torch_state()
def fit_decision(
    method: Method,
    fitted: Classifier,
    support: Dataset,
    targets: Targets,
    *,
    seed: int = 0,
    outsiders: Sequence[Example] = (),
) -> Decision | None:
    """When a classifier that the method fitted on the support answers, and when not.

    The method learns from parts of the support, and its classifiers are asked for the rest. A
    method that trains for long does so once; Ctrl-C ends that. None then, without a target, and
    where the examples do not allow it: pairs and candidates have no scope, and a label with one
    example has none to hold out.
    """
    if not targets.rejects:
        return None
    support = with_weight(support)
    examples = support.labelled.examples
    if not examples or {PAIR, CANDIDATES} & set(common_kinds(examples)):
        return None
    classes = np.array(support.labelled.class_indices, np.int64)
    vectors = fitted.embed(examples)
    quick = not method.trainings(support) and len(support.unlabelled) <= _MANY_UNLABELLED
    splits = splits_of(classes, vectors, seed) if quick else single_split(classes, vectors, seed)
    outside = _OutOfScope.beside(examples, outsiders)
    learner = method.calibrated_as(fitted)
    try:
        held_out = []
        for number, split in enumerate(splits):
            report("Held-out parts", number, len(splits))
            held_out.append(_held_out(learner, support, split, outside))
    except KeyboardInterrupt:
        if quick:
            raise
        log.warning("Stopped: the classifier is kept, and answers every question.")
        return None
    return learn_decision(_reference(method, fitted, support, outside), held_out, targets)


@own_torch_state()
def with_support(
    decision: Decision,
    method: Method,
    fitted: Classifier,
    support: Dataset,
    outsiders: Sequence[Example] = (),
) -> Decision:
    """The decision with the familiarity of another support set, and its thresholds as they are."""
    outside = _OutOfScope.beside(support.labelled.examples, outsiders)
    reference = _reference(method, fitted, support, outside)
    familiarity = decision.familiarity.with_support(
        reference.vectors,
        reference.classes,
        generic=reference.generic,
        outsiders=reference.outsiders,
    )
    return replace(decision, familiarity=familiarity)


@dataclass(frozen=True)
class _OutOfScope:
    """Examples that belong to no label: those of all classifiers, and those of this one."""

    generic: Sequence[Example]
    outsiders: Sequence[Example]

    @classmethod
    def beside(cls, examples: Sequence[Example], outsiders: Sequence[Example]) -> _OutOfScope:
        """Those for a classifier of the examples; sentences with marked mentions have none."""
        is_text = common_kinds(examples) == (TEXT,)
        generic = generic_texts(e.text for e in examples) if is_text else ()
        return cls([Example(text) for text in generic], outsiders)


def _held_out(method: Method, support: Dataset, split: Split, outside: _OutOfScope) -> HeldOut:
    """As `hold_out`; no labels are held out if an option of the method needs them."""
    try:
        return hold_out(method, support, split, outside)
    except OptionError:
        if not split.labels:
            raise
        classes = np.array(support.labelled.class_indices, np.int64)
        fold = split.judge[~np.isin(classes[split.judge], list(split.labels))]
        texts = Split(np.setdiff1d(np.arange(len(classes)), fold), fold)
        return hold_out(method, support, texts, outside)


def hold_out(method: Method, support: Dataset, split: Split, outside: _OutOfScope) -> HeldOut:
    """The outputs of the method, fitted on a part of the support, for another part."""
    labelled = support.labelled
    examples = [labelled.examples[i] for i in split.learn]
    labels = tuple(x for i, x in enumerate(labelled.labels) if i not in split.labels)
    part = replace(labelled, examples=(*examples, *support.unlabelled), labels=labels)
    fitted = method.fit(part)
    column = {label: i for i, label in enumerate(fitted.labels)}
    judged = [labelled.examples[i] for i in split.judge]
    reference = _reference(method, fitted, part, outside)
    return HeldOut(
        reference.vectors,
        reference.classes,
        fitted.outputs(judged),
        np.array([column.get(example.label, -1) for example in judged], np.int64),
        reference.generic,
        reference.outsiders,
    )


def _reference(
    method: Method, fitted: Classifier, support: Dataset, outside: _OutOfScope
) -> Reference:
    """The vectors of what was learned from, label texts included, and the class of each."""
    labelled = support.labelled
    examples, classes = list(labelled.examples), labelled.class_indices
    settings = getattr(method, "settings", None)
    if common_kinds(examples) == (TEXT,):
        texts, of_texts = all_label_texts(
            labelled,
            names=getattr(settings, "label_names", True),
            descriptions=getattr(settings, "descriptions", True),
        )
        examples += [Example(text) for text in texts]
        classes += of_texts
    return Reference(
        fitted.embed(examples),
        np.array(classes, np.int64),
        fitted.embed(outside.generic) if outside.generic else None,
        fitted.embed(outside.outsiders) if outside.outsiders else None,
    )


def splits_of(classes: Rows, vectors: Matrix, seed: int) -> list[Split]:
    """Folds of the texts of all labels; then groups of labels, each with a fold of the others."""
    folds = text_folds(classes, seed)
    every = np.arange(len(classes))
    splits = [Split(np.setdiff1d(every, fold), fold) for fold in _until_enough(folds)]
    groups = label_groups(classes, vectors)
    if not folds:
        return []
    parts = [_without(group, folds[i % len(folds)], classes) for i, group in enumerate(groups)]
    counts = [np.isin(classes, list(part.labels)).sum() for part in parts]
    enough = int(np.searchsorted(np.cumsum(counts), _ENOUGH)) + 1
    return [*splits, *parts[:enough]]


def single_split(classes: Rows, vectors: Matrix, seed: int) -> list[Split]:
    """One split that holds out both, for a method that trains for long."""
    folds, groups = text_folds(classes, seed), label_groups(classes, vectors)
    if not folds:
        return []
    every = np.arange(len(classes))
    if not groups:
        return [Split(np.setdiff1d(every, folds[0]), folds[0])]
    return [_without(groups[0], folds[0], classes)]


def text_folds(classes: Rows, seed: int) -> list[Rows]:
    """The rows of each fold; every class is spread evenly, and a single example stays."""
    fold = deal_folds(classes, FOLDS, np.random.default_rng(seed))
    return [np.flatnonzero(fold == f) for f in range(FOLDS) if (fold == f).any()]


def label_groups(classes: Rows, vectors: Matrix) -> list[frozenset[int]]:
    """The labels in groups of neighbours, about as many as there are folds; [] for few labels."""
    labels = np.unique(classes)
    if len(labels) < _FEWEST_LABELS:
        return []
    means = unit(np.stack([vectors[classes == c].mean(0) for c in labels]))
    size = -(-len(labels) // FOLDS)
    remaining = list(range(len(labels)))
    groups = []
    while remaining:
        # The label that is farthest from all others begins a group of its nearest ones.
        close = means[remaining] @ means[remaining].T
        first = int(close.sum(1).argmin())
        nearest = np.argsort(-close[first], kind="stable")[:size]
        group = [remaining[i] for i in nearest]
        groups.append(frozenset(int(labels[i]) for i in group))
        remaining = [i for i in remaining if i not in group]
    return groups


def _without(group: frozenset[int], fold: Rows, classes: Rows) -> Split:
    """Without a group of labels and a fold of the texts of the others."""
    outside = np.isin(classes, list(group))
    judge = np.union1d(np.flatnonzero(outside), fold)
    return Split(np.setdiff1d(np.arange(len(classes)), judge), judge, group)


def _until_enough(folds: Sequence[Rows]) -> Iterator[Rows]:
    count = 0
    for fold in folds:
        if count < _ENOUGH:
            yield fold
        count += len(fold)
