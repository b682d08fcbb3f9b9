"""The corpora that a meta-training can use."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from fsl_nlp.errors import DataError
from fsl_nlp.meta.settings import TaskSize
from fsl_nlp.splits import drop_shared, without_small_classes
from fsl_nlp.types import Dataset

LEAST_CLASSES = 4


def usable_sources(sources: Sequence[Dataset], shape: TaskSize) -> list[Dataset]:
    """The corpora without small classes; a class of an earlier corpus is left out of later ones."""
    needed = shape.shot[1] + shape.query
    usable: list[Dataset] = []
    for source in sources:
        usable_source, _ = without_small_classes(source, needed)
        for earlier in usable:
            usable_source = drop_shared(usable_source, earlier)
        if len(usable_source.labels) < LEAST_CLASSES:
            raise DataError(
                f"{source.name} has {len(usable_source.labels)} usable classes, and meta-training "
                f"needs {LEAST_CLASSES}. A usable class has {needed} examples (shot and query) and "
                "is in no earlier source. Give more data, or ask for fewer shots or queries."
            )
        if (removed := len(source.labels) - len(usable_source.labels)) > 0:
            warnings.warn(
                f"{removed} classes of {source.name} are left out. They have fewer than {needed} "
                "examples, or are in an earlier source.",
                stacklevel=3,
            )
        usable.append(usable_source)
    return usable
