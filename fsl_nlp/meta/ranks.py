"""Several processes that meta-train together, as `accelerate launch` starts them.

All draw the same tasks from the same seed, and each works on its own part of them, so what
results is what one process would have learned.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    rank: int = 0
    count: int = 1

    @classmethod
    def current(cls) -> Ranks:
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        return cls(state.process_index, state.num_processes)

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def mine(self, tasks: int) -> Tensor:
        """The places of this process's tasks."""
        return torch.arange(self.rank, tasks, self.count)

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.count == 1:
            return tensor
        from accelerate.utils import reduce

        summed: Tensor = reduce(tensor, "sum")
        return summed
