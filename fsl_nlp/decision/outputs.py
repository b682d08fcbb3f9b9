"""What a decision sees of examples: the outputs of a classifier for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outputs:
    """The scores [q, N] and the vectors [q, D] of q examples.

    The softmax of a row of scores gives the calibrated probability of each label.
    """

    scores: NDArray[np.floating[Any]]
    vectors: NDArray[np.floating[Any]]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: Any) -> Outputs:
        return Outputs(self.scores[rows], self.vectors[rows])


@dataclass(frozen=True)
class HeldOut:
    """The outputs, for the rest of a support, of a classifier that was fitted on a part of it.

    `support_vectors` [m, D] are those of the examples that it was fitted on, and `support_classes`
    [m] are their labels, as columns of the scores. `classes` [q] are the labels of the rest; -1
    where the classifier does not have the label, so that the example is a pseudo-outsider.
    `generic` [g, D] and `outsiders` [o, D] are its vectors of the texts that `fit_familiarity`
    takes under these names; None leaves them out for this classifier.
    """

    support_vectors: NDArray[np.floating[Any]]
    support_classes: NDArray[np.int64]
    outputs: Outputs
    classes: NDArray[np.int64]
    generic: NDArray[np.floating[Any]] | None = None
    outsiders: NDArray[np.floating[Any]] | None = None

    @property
    def has_all_labels(self) -> bool:
        """Whether the classifier has the label of every example that it was asked for."""
        return bool((self.classes >= 0).all())
