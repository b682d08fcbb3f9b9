"""Texts of a test that also stand among the texts to learn from.

Public corpora have some: 45 of the 610 texts of EPRSTMT's public test are in its unlabelled file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from fsl_nlp.data.catalogue import REGISTRY, Entry, root_of
from fsl_nlp.data.loading import load_dataset
from fsl_nlp.types import Dataset, Example


def without_texts_of(data: Dataset, tests: Iterable[Dataset]) -> tuple[Dataset, int]:
    """`data` without the texts that stand in one of the tests, and how many were left out.

    Letters in capitals and white space make no difference.

    >>> log = Dataset.from_texts(["Where is it?", "thanks"], ["", ""])
    >>> test = Dataset.from_texts(["where is it? "], ["track"])
    >>> without_texts_of(log, [test])[0].texts
    ['thanks']
    """
    tested = {_normal(example) for test in tests for example in test}
    kept = tuple(example for example in data if _normal(example) not in tested)
    return replace(data, examples=kept), len(data) - len(kept)


def without_test_texts(
    data: Dataset, name: str, data_dir: str | os.PathLike[str] | None = None
) -> tuple[Dataset, str]:
    """Data of the catalogue without texts of its test files, and a note on it.

    The note is "" if nothing was left out. Test files that are not in the data folder, and those of
    other data, are not looked at.

    >>> without_test_texts(load_dataset("support_en"), "support_en")[1]
    ''
    """
    base, _, split = name.partition(":")
    if base not in REGISTRY:
        return data, ""
    entry: Entry = REGISTRY.load(base)
    root = root_of(entry, data_dir)
    files = [s for s in entry.splits if is_test(s) and root and (root / entry.splits[s]).is_file()]
    if split in files:
        return data, f"{name} is a test file: what learns from it must not be scored on it."
    names = [f"{base}:{file}" for file in files]
    tests = [load_dataset(each, labelled=False, data_dir=data_dir) for each in names]
    kept, count = without_texts_of(data, tests)
    if not count:
        return data, ""
    places = " or ".join(names)
    return kept, f"{count} of {len(data):,} texts of {name} stand in {places}: they are left out."


def is_test(split: str) -> bool:
    """Whether a split of the catalogue is for scoring.

    >>> [is_test(split) for split in ("test_public", "oos_test", "unlabeled", "train")]
    [True, True, False, False]
    """
    return "test" in split.split("_")


def _normal(example: Example) -> tuple[str, str]:
    first, second = ("".join(t.split()).casefold() for t in (example.text, example.text_b or ""))
    return first, second
