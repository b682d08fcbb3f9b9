"""How much examples and classes count in a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.checks import as_labels, as_weights
from fsl_nlp.errors import DataError, OptionError, did_you_mean
from fsl_nlp.heads.class_weight import ClassWeight
from fsl_nlp.spelling import match_keys
from fsl_nlp.types import Dataset, Example, Label

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class TrainingWeights:
    """The weight of each row of a training, [n], and a factor on those of each class, [N]."""

    rows: Vector
    factors: Vector

    @classmethod
    def of(
        cls, support: Dataset, classes: Sequence[int], class_weight: ClassWeight
    ) -> TrainingWeights:
        """The weights of the examples of `support`, and of a row for each further class.

        The further rows are texts of labels: they count as much as an example does in the mean.
        The mean of all products is 1, so only the ratios of weights matter.

        >>> support = Dataset.from_examples([Example("a", "x", weight=3), Example("b", "y")])
        >>> weights = TrainingWeights.of(support, [0, 1, 1], {"x": 2})
        >>> [round(float(weight), 2) for weight in weights.total([0, 1, 1])]
        [2.0, 0.33, 0.67]
        """
        examples = np.array([example.weight for example in support], np.float64)
        rows = np.ones(len(classes))
        rows[: len(examples)] = examples / (examples.mean() if len(examples) else 1)
        factors = _class_factors(class_weight, support.labels)
        factors = factors / (rows * factors[list(classes)]).mean()
        return cls(rows.astype(np.float32), factors.astype(np.float32))

    def total(self, classes: Sequence[int]) -> Vector:
        """[n]: the weights of the rows, which are of these classes, with the factors."""
        return self.rows * self.factors[list(classes)]


def _class_factors(class_weight: ClassWeight, labels: Sequence[Label]) -> NDArray[np.float64]:
    factors = np.ones(len(labels))
    if not isinstance(class_weight, Mapping):
        return factors
    index = {label: i for i, label in enumerate(labels)}
    keys = as_labels(list(class_weight), "class_weight")
    named = dict(zip(keys, class_weight.values(), strict=True))
    for label, weight in match_keys(named, labels, "class_weight").items():
        if label not in index:
            names = [str(other) for other in labels]
            nearest = did_you_mean(str(label), names) or f" Labels: {', '.join(names[:20])}."
            raise OptionError(f"class_weight[{label!r}] is for no label of the texts.{nearest}")
        factors[index[label]] = weight
    return factors


def with_weight(support: Dataset) -> Dataset:
    """The support set without the examples of weight 0; impossible weights are refused.

    >>> support = Dataset.from_examples([Example("a", "x", weight=0), Example("b", "x")])
    >>> with_weight(support).texts
    ['b']
    """
    as_weights([example.weight for example in support.labelled], "weights")
    counted = replace(support, examples=tuple(e for e in support if e.weight or e.label is None))
    remaining = set(counted.targets)
    if missing := [label for label in set(support.targets) - remaining if label is not None]:
        raise DataError(
            f"All texts of the label {min(missing, key=str)!r} have the weight 0. Give one of them "
            "more, or leave the label out."
        )
    return counted


def is_weighted(examples: Sequence[Example]) -> bool:
    """Whether some labelled example counts more or less than 1."""
    return any(example.weight != 1 and example.label is not None for example in examples)
