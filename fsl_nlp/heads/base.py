"""What every head is: two pure functions over a batch of tasks."""

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

    Shapes: B tasks, N classes, K examples a class, D dimensions, Q queries. Classes may have
    fewer than K examples, at least one: the rest has weight 0.
    """

    # Does a query's score depend on the other queries of its task? Named in every result.
    transductive: ClassVar[bool] = False
    # Can its method choose among candidates that each example brings?
    takes_candidates: ClassVar[bool] = False

    @property
    def ready(self) -> bool:
        """False if the head must be prepared on source classes before it can fit."""
        return True

    def options(self) -> dict[str, Any]:
        """Its settings, without what it has learned."""
        names = [f.name for f in fields(cast("Any", self)) if not f.metadata.get("learned")]
        return {name: getattr(self, name) for name in names}

    def read(self, rows: Tensor) -> Tensor:
        """Rows [n, D] of examples as `fit` and `score` take them; for work done once a text."""
        return rows

    @abstractmethod
    def fit(self, support: Tensor, weights: Tensor) -> State:
        """support [B, N, K, D], weights [B, N, K] -> what was learned."""

    def diverged(self, state: State) -> int | None:
        """How many tasks did not learn at the usual rate; None where there is no such thing."""
        return None

    @abstractmethod
    def score(self, state: State, query: Tensor) -> Tensor:
        """query [B, Q, D] -> [B, Q, N]; the softmax of a row is a (not yet calibrated) belief."""


@dataclass(frozen=True)
class PreparedHead(Head):
    """A head whose `parameters` come from source classes; without them it cannot fit."""

    parameters: Parameters | None = field(
        default=None, repr=False, compare=False, kw_only=True, metadata={"learned": True}
    )

    @property
    def ready(self) -> bool:
        return self.parameters is not None

    def learned(self, like: Tensor) -> Parameters:
        """The parameters, on the device and in the precision of a tensor."""
        if self.parameters is None:
            raise OptionError(self.not_prepared)
        return {name: tensor.to(like) for name, tensor in self.parameters.items()}

    @property
    @abstractmethod
    def not_prepared(self) -> str:
        """What to do, for one who has not."""


def pack(
    vectors: NDArray[np.float32], classes: Sequence[int], count: int
) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    """Examples of one task as the padded tensors that heads take.

    Gives support [1, N, K, D], weights [1, N, K] and, for each example, its place in [N * K].
    """
    counts = np.bincount(np.asarray(classes, np.int64), minlength=count)
    width = max(int(counts.max(initial=0)), 1)
    support = np.zeros((count * width, vectors.shape[1]), np.float32)
    weights = np.zeros(count * width, np.float32)
    taken = np.zeros(count, np.int64)
    places = np.empty(len(classes), np.int64)
    for i, c in enumerate(classes):
        places[i] = c * width + taken[c]
        taken[c] += 1
    support[places] = vectors
    weights[places] = 1
    return (
        torch.from_numpy(support).view(1, count, width, -1),
        torch.from_numpy(weights).view(1, count, width),
        places,
    )
