"""`lint`: the checks one after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fsl_nlp.errors import DataError
from fsl_nlp.intervals import Share
from fsl_nlp.linting.crossfit import CrossFit, Integers, cross_fit, deal_folds, folds_for
from fsl_nlp.linting.duplicates import centred, group_duplicates
from fsl_nlp.linting.expectation import SHARE, Gain, expected_gains
from fsl_nlp.linting.findings import (
    DOUBTFUL,
    LITTLE_USE,
    Finding,
    NearDuplicates,
    Sentence,
    TooLong,
)
from fsl_nlp.linting.intents import find_sizes, find_topics
from fsl_nlp.linting.labels import find_mislabels, find_pairs, trust
from fsl_nlp.linting.report import LintReport
from fsl_nlp.types import Dataset, Example
from fsl_nlp.vectors import Matrix, unit

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

# With more texts a few wrong labels change little of what is learned, and a second fit takes long.
_SECOND_FIT = 6_000


def lint(
    data: Dataset | str | os.PathLike[str] | Any,
    encoder: str | TextEncoder = "auto",
    seed: int = 0,
) -> LintReport:
    """What is wrong with training data, before anything is trained; the worst comes first.

    `data` is a dataset, or what `load_dataset` takes. Texts without a label are left out.

    >>> texts = ["where is my parcel", "track my order", "refund me", "I want my money back"]
    >>> report = lint(Dataset.from_texts(texts, ["track", "track", "refund", "refund"]))
    >>> [finding.summary for finding in report.findings]
    ['refund has 2 texts', 'track has 2 texts']
    """
    from fsl_nlp.data import load_dataset

    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    support = _checked(dataset)
    loaded = _load(encoder, support)
    started = time.perf_counter()
    vectors = loaded.encode(support.texts)
    encoded = time.perf_counter()
    names = _names(loaded, support)
    report = lint_vectors(support, vectors, _too_long(loaded, support.texts), seed, names)
    return replace(
        report,
        encoder=loaded.name,
        unlabelled=len(dataset) - len(support),
        encoding_seconds=encoded - started,
        seconds=time.perf_counter() - encoded,
    )


def lint_vectors(
    support: Dataset,
    vectors: Matrix,
    too_long: Sequence[bool],
    seed: int = 0,
    names: tuple[Matrix, Integers] | None = None,
) -> LintReport:
    """The same on vectors [n, D] of labelled texts, without an encoder.

    `names` are the unit vectors of label names and descriptions, and the class of each.
    """
    vectors = unit(vectors)
    classes = np.array(support.class_indices, np.int64)
    groups = group_duplicates(support.texts, vectors)
    fold = deal_folds(classes, groups, folds_for(len(classes)), seed)
    fitted = cross_fit(vectors, classes, fold, names=names) if (fold >= 0).any() else None
    sentences = _sentences(support, fitted)
    found: list[Finding] = []
    accuracy, gain, gains = None, None, list[Gain]()
    if fitted:
        right = fitted.is_right[fitted.held_out]
        accuracy = Share.of(int(right.sum()), len(right))
        half = cross_fit(vectors, classes, fold, names=names, share=SHARE, seed=seed)
        gain, gains = expected_gains(fitted, half, support.labels, seed)
        found += find_pairs(fitted, sentences, support.labels)
        if len(classes) <= _SECOND_FIT:
            fitted = cross_fit(vectors, classes, fold, names=names, weights=trust(fitted))
        found += find_mislabels(fitted, sentences, support.labels)
    found += _duplicates(groups, vectors, sentences)
    found += find_sizes(classes, sentences, support.labels)
    found += find_topics(vectors, classes, sentences, support.labels, seed)
    found += [
        TooLong((sentences[i],), (sentences[i].label,), DOUBTFUL)
        for i in np.flatnonzero(too_long).tolist()
    ]
    found.sort(key=lambda finding: -finding.harm)
    return LintReport(
        name=support.name,
        encoder="",
        labels=support.labels,
        sentences=tuple(sentences),
        findings=tuple(found),
        accuracy=accuracy,
        gain=gain,
        gains=tuple(gains),
        vectors=vectors,
        seed=seed,
    )


def _checked(dataset: Dataset) -> Dataset:
    """The labelled texts, and the labels that have some; a DataError if nothing can be checked."""
    from fsl_nlp.checks import as_examples
    from fsl_nlp.inputs.kinds import TEXT, common_kinds, in_words

    support = dataset.labelled
    if not len(support):
        raise DataError(f"{dataset.name} holds no text with a label, so there is nothing to check.")
    kinds = common_kinds(as_examples(support.examples, "texts"), "texts")
    if kinds != (TEXT,):
        raise DataError(
            f"lint checks single texts, and {dataset.name} holds {in_words(kinds, plural=True)}. "
            "Give texts with one label each."
        )
    used = set(support.targets)
    labels = tuple(label for label in support.labels if label in used)
    if len(labels) < 2:
        raise DataError(
            f"{dataset.name} has one label only, {labels[0]!r}. Add texts with other labels."
        )
    return replace(support, labels=labels)


def _load(encoder: str | TextEncoder, support: Dataset) -> TextEncoder:
    if not isinstance(encoder, str):
        return encoder
    from fsl_nlp.encoders import load_encoder
    from fsl_nlp.encoders.choice import choose_encoder

    return load_encoder(choose_encoder(encoder, support))


def _names(encoder: TextEncoder, support: Dataset) -> tuple[Matrix, Integers]:
    """The vectors of label names and descriptions, which `linear` learns from; their classes."""
    from fsl_nlp.inputs.label_texts import all_label_texts

    texts, classes = all_label_texts(support)
    return unit(encoder.encode(texts)), np.array(classes, np.int64)


def _too_long(encoder: TextEncoder, texts: Sequence[str]) -> list[bool]:
    from fsl_nlp.encoders.length import too_long_for

    return too_long_for(encoder, texts)


def _sentences(support: Dataset, fitted: CrossFit | None) -> list[Sentence]:
    """Each text with the label that held-out scores prefer, if it was held out."""

    def sentence(row: int, example: Example) -> Sentence:
        preferred = None
        if fitted and fitted.held_out[row]:
            preferred = support.labels[fitted.predicted[row]]
        assert example.label is not None
        return Sentence(row, example.text, example.label, preferred)

    return [sentence(row, example) for row, example in enumerate(support.examples)]


def _duplicates(
    groups: Integers, vectors: Matrix, sentences: Sequence[Sentence]
) -> list[NearDuplicates]:
    """Groups of two or more; across intents each text outside the most frequent one does harm."""
    found = []
    rows = centred(vectors)
    members: dict[int, list[int]] = {}
    for i, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(i)
    for own in members.values():
        if len(own) < 2:
            continue
        texts = tuple(sentences[i] for i in own)
        targets = [sentence.label for sentence in texts]
        labels = tuple(dict.fromkeys(targets))
        strays = len(own) - max(map(targets.count, labels))
        harm = strays + LITTLE_USE * (len(own) - 1 - strays)
        similarity = float((rows[own] @ rows[own[0]]).min())
        found.append(NearDuplicates(texts, labels, harm, similarity))
    return found
