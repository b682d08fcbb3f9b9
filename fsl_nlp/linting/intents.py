"""Each intent for itself: too few texts, far more than others, two topics in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsl_nlp.linting.crossfit import Integers
from fsl_nlp.linting.findings import (
    DOUBTFUL,
    ENOUGH_TEXTS,
    Sentence,
    ThinIntent,
    TwoTopics,
    UnbalancedIntent,
)
from fsl_nlp.types import Label
from fsl_nlp.vectors import Matrix, unit

_MANY = 5  # times the median number of texts
# Variance between two groups, in medians of all intents. Of single intents of BANKING77 and SMP2017
# 2 to 9% have more in most draws, of two intents put together about 80% (docs/results).
_SEPARATION = 1.8
_ENOUGH_TO_SPLIT = 8  # texts of an intent
_ENOUGH_INTENTS = 5  # for a median
_SMALLER_GROUP = 0.2  # of the texts; less are strays, not a topic


def find_sizes(
    classes: Integers, sentences: Sequence[Sentence], labels: Sequence[Label]
) -> list[ThinIntent | UnbalancedIntent]:
    """Intents with few texts, and with many more than the others."""
    found: list[ThinIntent | UnbalancedIntent] = []
    counts = np.bincount(classes, minlength=len(labels))
    median = float(np.median(counts))
    for c, count in enumerate(counts.tolist()):
        if count < max(ENOUGH_TEXTS, median / _MANY):
            wanted = max(float(ENOUGH_TEXTS), median / _MANY)
            texts = tuple(sentences[i] for i in np.flatnonzero(classes == c).tolist())
            found.append(ThinIntent(texts, (labels[c],), DOUBTFUL * (wanted - count), count))
        elif count > _MANY * median:
            found.append(UnbalancedIntent((), (labels[c],), DOUBTFUL, count, median))
    return found


def find_topics(
    vectors: Matrix,
    classes: Integers,
    sentences: Sequence[Sentence],
    labels: Sequence[Label],
    seed: int,
) -> list[TwoTopics]:
    """Intents that fall into two groups, further apart than those of other intents."""
    rows = unit(vectors)
    members = [np.flatnonzero(classes == c) for c in range(len(labels))]
    large = [c for c, own in enumerate(members) if len(own) >= _ENOUGH_TO_SPLIT]
    if len(large) < _ENOUGH_INTENTS:
        return []
    splits = {c: _split(rows[members[c]], seed) for c in large}
    median = float(np.median([between for between, _, _ in splits.values()]))
    found = []
    for c, (between, group, distances) in splits.items():
        own = members[c]
        smaller = min(group.sum(), len(own) - group.sum())
        if median <= 0 or between < _SEPARATION * median or smaller < _SMALLER_GROUP * len(own):
            continue
        order = np.lexsort((distances, group))  # each group from its middle outwards
        first_size = int((group == 0).sum())
        texts = tuple(sentences[i] for i in own[order].tolist())
        found.append(TwoTopics(texts, (labels[c],), DOUBTFUL, first_size, between / median))
    return found


def _split(rows: Matrix, seed: int) -> tuple[float, Integers, Matrix]:
    """The variance between two groups, the group of each row, and its distance to the middle."""
    from sklearn.cluster import KMeans

    if len(np.unique(rows, axis=0)) < 2:
        return 0.0, np.zeros(len(rows), np.int64), np.zeros(len(rows), np.float32)
    model = KMeans(2, n_init=5, random_state=seed).fit(rows)
    group = model.labels_.astype(np.int64)
    if group.sum() * 2 > len(group):  # the larger group first
        group = 1 - group
    distances = model.transform(rows).min(1)
    total = float(np.square(rows - rows.mean(0)).sum())
    return (total - float(model.inertia_)) / (len(rows) - 1), group, distances
