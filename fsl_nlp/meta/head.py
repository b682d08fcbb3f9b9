"""A meta-learned head: `fit` is the inner loop, for many tasks at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from fsl_nlp.encoders.hardware import free_memory
from fsl_nlp.heads.base import PreparedHead, State
from fsl_nlp.heads.options import options_of
from fsl_nlp.meta.algorithms import Algorithm
from fsl_nlp.meta.bodies import Body
from fsl_nlp.meta.inner import InnerLoop, InnerSettings
from fsl_nlp.meta.learner import Learner
from fsl_nlp.meta.task_heads import task_head

log = logging.getLogger("fsl_nlp")

_SHARE = 4  # at most 1 / _SHARE of the free memory is used
_READ_ROWS = 1024  # rows that go through the body in one pass

_DIVERGED = "slowed"  # in the state: [B], whether a task diverged at the full rate

NOT_TRAINED = (
    "This method has not been meta-trained. Run `fsl-nlp meta-train SOURCE --out FOLDER` and add "
    "--from FOLDER. In Python: prepared=FOLDER, or call prepare(source) first."
)


@dataclass(frozen=True)
class MetaHead(PreparedHead):
    """A head whose `parameters` come from meta-training; it cannot fit without them."""

    algorithm: Algorithm
    inner: InnerSettings
    body: Body

    @property
    def not_prepared(self) -> str:
        """The message for a head without parameters."""
        return NOT_TRAINED

    @cached_property
    def loop(self) -> InnerLoop:
        """The inner loop of the algorithm."""
        learner = Learner(self.body, task_head(self.algorithm.task_head), self.algorithm.adapts)
        return InnerLoop(learner, self.inner, self.algorithm.first_order)

    def transform(self, vectors: Tensor) -> Tensor:
        """What `fit` and `score` take, from the vectors of examples."""
        return self.inputs(self.loop.learner.preprocess(self.learned(vectors), vectors))

    def inputs(self, rows: Tensor) -> Tensor:
        """What `fit` and `score` take, from preprocessed rows."""
        if self.loop.learner.body_adapts:
            return rows
        meta = self.learned(rows)
        parts = _split(rows, _READ_ROWS, 0)
        return torch.cat([self.loop.task_inputs(meta, self.body.trim(part)) for part in parts])

    def fit(self, support: Tensor, weights: Tensor) -> State:
        """Adapt to each task by the inner loop."""
        # Gradients cannot be computed through tensors that were made in inference mode.
        with torch.inference_mode(False), torch.no_grad():
            meta = {name: tensor.clone() for name, tensor in self.learned(support).items()}
            support, weights = self.trim(support.clone()), weights.clone()
            size = self.tasks_at_once(weights.shape[1], weights.shape[2], support)
            parts = []
            for start in range(0, len(support), size):
                chunk = slice(start, start + size)
                adapted = self.loop.adapt(meta, support[chunk], weights[chunk], steps=self.steps)
                parts.append({**adapted.fast, _DIVERGED: adapted.diverged})
        state = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        if slowed := self.diverged(state):
            log.warning(
                "%d of %d tasks diverged at inner_rate=%g and were adapted at a lower one.",
                slowed,
                len(weights),
                self.inner.inner_rate,
            )
        return state

    def adapt(self, state: State, support: Tensor, weights: Tensor, steps: int) -> State:
        """The state after more steps, on support [B, N, K, ...] with weights [B, N, K]."""
        fast = {name: tensor for name, tensor in state.items() if name != _DIVERGED}
        with torch.inference_mode(False), torch.no_grad():
            meta = {name: tensor.clone() for name, tensor in self.learned(support).items()}
            support, weights = self.trim(support.clone()), weights.clone()
            after = {name: tensor.clone() for name, tensor in fast.items()}
            adapted = self.loop.adapt(meta, support, weights, steps=steps, after=after)
        return {**adapted.fast, _DIVERGED: adapted.diverged}

    def diverged(self, state: State) -> int | None:
        """The number of tasks that diverged at the full rate."""
        return int(state[_DIVERGED].sum()) if self.algorithm.adapts != "none" else None

    def score(self, state: State, query: Tensor) -> Tensor:
        """The scores of the adapted heads."""
        state = {name: tensor for name, tensor in state.items() if name != _DIVERGED}
        meta, query = self.learned(query), self.trim(query)
        # As many rows at once as `transform` takes; a body that adapts gets those of all tasks.
        through_body = self.loop.learner.body_adapts
        size = _READ_ROWS // len(query) if through_body else query.shape[1]
        parts = _split(query, max(size, 1), 1)
        return torch.cat([self.loop.scores(meta, state, part) for part in parts], 1)

    def trim(self, inputs: Tensor) -> Tensor:
        """What `transform` gave, without padding that none of it needs."""
        return self.body.trim(inputs) if self.loop.learner.body_adapts else inputs

    @property
    def steps(self) -> int:
        """The number of inner steps in `fit`."""
        test_steps = self.inner.test_steps
        return self.inner.inner_steps if test_steps is None else test_steps

    def tasks_at_once(
        self, way: int, per_class: int, inputs: Tensor, memory: int | None = None
    ) -> int:
        """How many tasks fit into memory, with `per_class` rows [R] for each class."""
        budget = free_memory(inputs.device) // _SHARE if memory is None else memory
        numbers = way * per_class * self.body.activation_size(inputs.shape[-1])
        if self.loop.learner.body_adapts:
            body = [t for n, t in (self.parameters or {}).items() if n.startswith("body.")]
            numbers = (numbers + 4 * sum(t.numel() for t in body)) * max(self.steps, 1)
        return int(max(1, budget // (4 * max(numbers, 1))))

    def options(self) -> dict[str, Any]:
        """The settings of the algorithm, the inner loop and the body."""
        algorithm = {info.name: info.default for info in options_of(self.algorithm)}
        return {**algorithm, **asdict(self.inner), **self.body.options()}


def _split(rows: Tensor, size: int, axis: int) -> Sequence[Tensor]:
    """Parts of at most `size` rows. A single part is not split, as a tracer would record that."""
    return torch.split(rows, size, axis) if rows.shape[axis] > size else (rows,)
