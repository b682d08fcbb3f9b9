"""Several processes that meta-train together, started by `accelerate launch`.

All draw the same tasks from the same seed, and each works on some of them. The result is that of
one process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """The number of this process, and how many there are."""

    rank: int = 0
    count: int = 1

    @classmethod
    def current(cls) -> Ranks:
        """The ranks that the launcher set; one process without a launcher."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        return cls(state.process_index, state.num_processes)

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def task_indices(self, tasks: int) -> Tensor:
        """The indices of the tasks of this process."""
        return torch.arange(self.rank, tasks, self.count)

    def summed(self, tensor: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.count == 1:
            return tensor
        from accelerate.utils import reduce

        result: Tensor = reduce(tensor, "sum")
        return result
