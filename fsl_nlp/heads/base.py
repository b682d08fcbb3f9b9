"""The contract of heads: two pure functions over a batch of tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.errors import OptionError

# What a head has learned: tensors whose first dimension is the task. Saved as it is.
State = dict[str, Tensor]
# What a head has learned from source classes.
Parameters = dict[str, Tensor]


class Head(ABC):
    """Learns from support vectors, then scores query vectors.

    Shapes: B tasks, N classes, K examples a class, D dimensions, Q queries. A class may have
    fewer than K examples, but at least one; the padding has weight 0.
    """

    # Does a query's score depend on the other queries of its task? Named in every result.
    transductive: ClassVar[bool] = False
    # Can its method choose among candidates that each example brings?
    takes_candidates: ClassVar[bool] = False
    # The usual temperature of its scores, in gaps: how far an example's score for its own class
    # lies above the others. Tasks of 2 to 30 classes with 1 to 5 examples, of the training files of
    # BANKING77, CLINC150 and SMP2017, had 0.05 to 0.12 as the best with either embedded encoder,
    # about the same for all heads but `knn`.
    usual_temperature: ClassVar[float] = 0.08
    # What it does, in one line, and where it was published.
    summary: ClassVar[str] = ""
    paper: ClassVar[str] = ""

    @property
    def ready(self) -> bool:
        """False if the head must be prepared on source classes before it can fit."""
        return True

    def options(self) -> dict[str, Any]:
        """The settings, without learned parameters."""
        names = [f.name for f in fields(cast("Any", self)) if not f.metadata.get("learned")]
        return {name: getattr(self, name) for name in names}

    def transform(self, vectors: Tensor) -> Tensor:
        """Vectors [n, D] in the form that `fit` and `score` take; done once for each text."""
        return vectors

    @abstractmethod
    def fit(self, support: Tensor, weights: Tensor) -> State:
        """Learn from support [B, N, K, D] with weights [B, N, K]."""

    def refit(
        self, support: Tensor, weights: Tensor, state: State, classes: Sequence[int]
    ) -> State:
        """What `fit` gives, from the `state` of one task of nearly the same examples.

        `classes` are the positions there of these classes. A head may begin its search there.
        """
        return self.fit(support, weights)

    def diverged(self, state: State) -> int | None:
        """The number of tasks that diverged at the usual rate; None if `fit` has no such rate."""
        return None

    @abstractmethod
    def score(self, state: State, query: Tensor) -> Tensor:
        """query [B, Q, D] -> [B, Q, N]; the softmax of a row gives uncalibrated probabilities."""


@dataclass(frozen=True)
class PreparedHead(Head):
    """A head whose `parameters` come from source classes; without them it cannot fit."""

    parameters: Parameters | None = field(
        default=None, repr=False, compare=False, kw_only=True, metadata={"learned": True}
    )

    @property
    def ready(self) -> bool:
        """True once there are parameters."""
        return self.parameters is not None

    def learned(self, like: Tensor) -> Parameters:
        """The parameters, on the device and in the precision of `like`."""
        if self.parameters is None:
            raise OptionError(self.not_prepared)
        return {name: tensor.to(like) for name, tensor in self.parameters.items()}

    @property
    @abstractmethod
    def not_prepared(self) -> str:
        """The error message for a head without parameters."""


def pack(
    vectors: NDArray[np.float32],
    classes: Sequence[int],
    count: int,
    weights: NDArray[np.float32] | None = None,
) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    """Examples of one task as the padded tensors that heads take.

    `weights` [n] are all 1 by default. Gives support [1, N, K, D], weights [1, N, K] and the
    position of each example in [N * K].

    >>> support, weights, positions = pack(np.eye(3, dtype=np.float32), [1, 0, 1], 2)
    >>> weights.tolist(), positions.tolist()
    ([[[1.0, 0.0], [1.0, 1.0]]], [2, 0, 3])
    """
    counts = np.bincount(np.asarray(classes, np.int64), minlength=count)
    width = max(int(counts.max(initial=0)), 1)
    support = np.zeros((count * width, vectors.shape[1]), np.float32)
    packed_weights = np.zeros(count * width, np.float32)
    filled = np.zeros(count, np.int64)
    positions = np.empty(len(classes), np.int64)
    for i, c in enumerate(classes):
        positions[i] = c * width + filled[c]
        filled[c] += 1
    support[positions] = vectors
    packed_weights[positions] = 1 if weights is None else weights
    return (
        torch.from_numpy(support).view(1, count, width, -1),
        torch.from_numpy(packed_weights).view(1, count, width),
        positions,
    )
