"""Labels for unlabelled examples, where two classifiers agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fsl_nlp.decision import softmax
from fsl_nlp.methods.base import Classifier
from fsl_nlp.types import Example

# Examples of a class that are taken (docs/tuning.md).
TAKEN = 10


def agreed(
    unlabelled: Sequence[Example], first: Classifier, second: Classifier
) -> tuple[Example, ...]:
    """Those that both give one label, with it: of each label, what they are surest of together."""
    beliefs = softmax(first.scores(unlabelled)), softmax(second.scores(unlabelled))
    told = beliefs[0].argmax(1)
    alike = told == beliefs[1].argmax(1)
    surest = np.argsort(-(beliefs[0] + beliefs[1]).max(1), kind="stable")
    taken = [0] * len(first.labels)
    found = []
    for i in surest[alike[surest]]:
        if taken[told[i]] < TAKEN:
            taken[told[i]] += 1
            found.append(replace(unlabelled[i], label=first.labels[told[i]]))
    return tuple(found)
