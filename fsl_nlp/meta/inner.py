"""The one inner loop: every task of a batch takes its gradient steps at once.

`vmap` runs all tasks in one call. Their losses are added up, and as no two tasks share a tensor
that adapts, the gradient of the sum holds that of each. It can be differentiated again, so the
outer gradient goes through all of it. `SequentialLoop` is the same loop spelt out, task by task,
for tests and benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils.checkpoint import checkpoint

from fsl_nlp.heads.options import option, require_above, require_count
from fsl_nlp.meta.learner import Learner, support_loss
from fsl_nlp.meta.linear_steps import linear_steps
from fsl_nlp.meta.task_heads import Tensors

# Of one task's support: scores [S, N], targets [S], weights [S].
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

# A task whose support loss ends above this (times the start, plus 1) has diverged.
_DIVERGED = 2.0
_SMALLER = 4.0  # what its rate is divided by
_ATTEMPTS = 3


@dataclass(frozen=True)
class InnerSettings:
    """Options of the inner loop, which adapts to one task."""

    inner_steps: int = option(5, "gradient steps on the support of a task")
    inner_rate: float = option(0.015, "learning rate of these steps for the head")
    body_rate: float = option(0.0005, "learning rate of these steps below the head")
    test_steps: int | None = option(None, "steps when a bot is fitted; None is inner_steps")
    recompute: bool = option(False, "compute steps again going back: slower, with less memory")

    def __post_init__(self) -> None:
        require_count("inner_steps", self.inner_steps, 0)
        require_above("inner_rate", self.inner_rate, 0)
        require_above("body_rate", self.body_rate, 0)
        if self.test_steps is not None:
            require_count("test_steps", self.test_steps, 0)


@dataclass(frozen=True)
class Adapted:
    """What tasks have become: `path[t]` is `fast` [B, ...] after t steps; `losses` [steps, B] are
    of the support before each. `slowed` [B] tasks diverged at the full rate. `penalty` [B] is what
    the start costs in training."""

    path: list[Tensors]
    losses: Tensor
    slowed: Tensor
    penalty: Tensor

    @property
    def fast(self) -> Tensors:
        return self.path[-1]


@dataclass(frozen=True)
class InnerLoop:
    learner: Learner
    settings: InnerSettings = field(default_factory=InnerSettings)
    first_order: bool = False
    loss: Loss = support_loss
    by_hand: ClassVar[bool] = True  # a linear head's gradients, which are known on paper

    def read(self, meta: Tensors, rows: Tensor) -> Tensor:
        """rows [n, R] -> what `adapt` and `scores` take: features [n, D] where the body is the same
        for all tasks, so that a text is computed once; the rows themselves where it adapts."""
        return rows if self.learner.body_adapts else self.learner.features(meta, {}, rows)

    def adapt(
        self,
        meta: Tensors,
        support: Tensor,
        weights: Tensor,
        *,
        steps: int | None = None,
        noise: Tensor | None = None,
    ) -> Adapted:
        """support [B, N, K, ...] as `read` gives it, weights [B, N, K] (0 for what is padding);
        noise [B, N, ...] for a start that is drawn."""
        steps = self.settings.inner_steps if steps is None else steps
        steps = 0 if self.learner.adapts == "none" else steps
        tasks, way, shot = weights.shape
        targets = torch.arange(way, device=support.device).repeat_interleave(shot)
        one_hot = torch.nn.functional.one_hot(targets, way).to(support)  # [S, N]
        flat = weights.flatten(1)  # [B, S]
        shares = one_hot.mT * flat[:, None]  # [B, N, S]
        shares = shares / shares.sum(-1, keepdim=True).clamp(min=1e-12)
        inputs = features = support.flatten(1, 2)  # [B, S, ...]
        if self.learner.body_adapts:
            together = self.learner.features(meta, {}, inputs.flatten(0, 1))
            features = together.view(*inputs.shape[:2], -1)
        given = (features, shares) if noise is None else (features, shares, noise)
        start = self.over_tasks(partial(self.learner.start, meta), *given)
        penalty = support.new_zeros(tasks)
        if noise is not None:
            penalty = self.over_tasks(partial(self.learner.penalty, meta), features, shares)
        slower = support.new_ones(tasks)
        slowed = torch.zeros(tasks, dtype=torch.bool, device=support.device)
        for attempt in range(_ATTEMPTS + 1):
            path, losses = self._steps(meta, start, inputs, targets, shares.sum(1), slower, steps)
            bad = _diverged(path[-1], losses)
            if not bad.any() or attempt == _ATTEMPTS:
                break
            slowed |= bad
            slower = torch.where(bad, slower / _SMALLER, slower)
        if bad.any():  # even at the lowest rate: such a task stays at its start
            path = [{n: _choose(bad, start[n], t) for n, t in fast.items()} for fast in path]
        return Adapted(path, losses, slowed, penalty)

    def scores(self, meta: Tensors, fast: Tensors, query: Tensor) -> Tensor:
        """Of adapted tasks: query [B, Q, ...] as `read` gives it -> [B, Q, N]."""
        if len(query) == 1:  # what vmap does to shapes cannot be traced
            return self._scores(meta, _task(fast, 0), query[0])[None]
        return self.over_tasks(partial(self._scores, meta), fast, query)

    def _scores(self, meta: Tensors, fast: Tensors, inputs: Tensor) -> Tensor:
        """Of one task."""
        if self.learner.body_adapts:
            inputs = self.learner.features(meta, fast, inputs)
        return self.learner.scores(meta, fast, inputs)

    def over_tasks(self, function: Callable[..., Any], *inputs: Any) -> Any:
        """The function of one task, for all of a batch."""
        return vmap(function)(*inputs)

    def step(
        self,
        fast: Tensors,
        meta: Tensors,
        inputs: Tensor,
        targets: Tensor,
        weights: Tensor,
        rates: Tensors,
        slower: Tensor,
    ) -> tuple[Tensors, Tensor]:
        """The next `fast` of all tasks, and their support losses [B] before."""
        outer = torch.is_grad_enabled()
        with torch.enable_grad():
            moving = {
                n: t if (t := fast[n]).requires_grad else t.detach().requires_grad_() for n in rates
            }

            def loss_of(fast: Tensors, inputs: Tensor, weights: Tensor) -> Tensor:
                return self.loss(self._scores(meta, fast, inputs), targets, weights)

            losses = self.over_tasks(loss_of, {**fast, **moving}, inputs, weights)
            # Tasks share no fast tensor, so the gradient of their sum is that of each.
            gradients = torch.autograd.grad(
                losses.sum(),
                list(moving.values()),
                create_graph=outer and not self.first_order,
                allow_unused=True,
                materialize_grads=True,
            )
        moved = {
            n: t - slower.view(-1, *[1] * (t.dim() - 1)) * rates[n] * gradient
            for (n, t), gradient in zip(moving.items(), gradients, strict=True)
        }
        return {**fast, **moved}, losses.detach()

    def _is_linear(self, meta: Tensors, fast: Tensors) -> bool:
        """Whether a linear head alone adapts, each tensor at one rate."""
        return (
            set(fast) == {"head.weight", "head.bias"}
            and self.learner.adapts == "head"
            and self.loss is support_loss
            and all(rate.dim() == 0 for rate in self.rates(meta, fast, 0).values())
        )

    def rates(self, meta: Tensors, fast: Tensors, t: int) -> Tensors:
        """Of step t, for what adapts; beyond the steps that were trained, the last one's."""
        rates: Tensors = {}
        for name, tensor in fast.items():
            in_body = name.startswith("body.")
            if self.learner.adapts == "body" and not in_body:
                continue
            base = self.settings.body_rate if in_body else self.settings.inner_rate
            learned = meta.get(f"rate.{name}")
            rates[name] = (
                tensor.new_tensor(base)
                if learned is None
                else base * learned[min(t, len(learned) - 1)]
            )
        return rates

    def _steps(
        self,
        meta: Tensors,
        fast: Tensors,
        inputs: Tensor,
        targets: Tensor,
        weights: Tensor,
        slower: Tensor,
        steps: int,
    ) -> tuple[list[Tensors], Tensor]:
        if self.by_hand and self._is_linear(meta, fast):
            rates = [self.rates(meta, fast, t) for t in range(steps)]
            scale = meta["log_scale"].exp()
            task = (inputs, targets, weights, slower)
            return linear_steps(fast, *task, rates, scale, first_order=self.first_order)
        path, losses = [fast], []
        names, shared = list(fast), list(meta)
        kept = self.settings.recompute and torch.is_grad_enabled()
        for t in range(steps):

            def run(inputs: Tensor, *tensors: Tensor, t: int = t) -> tuple[Tensor, ...]:
                own = dict(zip(names, tensors[: len(names)], strict=True))
                rest = dict(zip(shared, tensors[len(names) :], strict=True))
                rates = self.rates(rest, own, t)
                moved, loss = self.step(own, rest, inputs, targets, weights, rates, slower)
                return (*(moved[name] for name in names), loss)

            given = (inputs, *fast.values(), *meta.values())
            # Hooks on saved tensors, which the newer checkpoint uses, cannot go around vmap.
            *moved, loss = checkpoint(run, *given, use_reentrant=True) if kept else run(*given)
            fast = dict(zip(names, moved, strict=True))
            path.append(fast)
            losses.append(loss.detach())
        return path, torch.stack(losses) if losses else slower.new_zeros(0, len(slower))


class SequentialLoop(InnerLoop):
    """Task after task, with torch's ordinary gradients."""

    by_hand = False

    def over_tasks(self, function: Callable[..., Any], *inputs: Any) -> Any:
        return _stack([function(*(_task(x, i) for x in inputs)) for i in range(_count(inputs[0]))])

    def step(self, fast: Tensors, meta: Tensors, inputs: Tensor, *rest: Any) -> Any:
        targets, weights, rates, slower = rest
        found = []
        for i in range(len(inputs)):
            one = slice(i, i + 1)
            own = {n: t[one] for n, t in fast.items()}
            args = (inputs[one], targets, weights[one], rates, slower[one])
            found.append(super().step(own, meta, *args))
        return {n: torch.cat([f[n] for f, _ in found]) for n in fast}, torch.cat(
            [losses for _, losses in found]
        )


def _diverged(fast: Tensors, losses: Tensor) -> Tensor:
    """[B]."""
    finite = torch.stack(
        [t.detach().isfinite().reshape(len(t), -1).all(1) for t in fast.values()]
    ).all(0)
    if not len(losses):
        return ~finite
    # Written so that NaN counts.
    return ~(finite & (losses[-1] <= _DIVERGED * losses[0] + 1))


def _choose(bad: Tensor, if_bad: Tensor, tensor: Tensor) -> Tensor:
    return torch.where(bad.view(-1, *[1] * (tensor.dim() - 1)), if_bad, tensor)


def _count(values: Any) -> int:
    return len(next(iter(values.values()))) if isinstance(values, dict) else len(values)


def _task(values: Any, i: int) -> Any:
    return {n: t[i] for n, t in values.items()} if isinstance(values, dict) else values[i]


def _stack(found: list[Any]) -> Any:
    first = found[0]
    if isinstance(first, dict):
        return {name: torch.stack([f[name] for f in found]) for name in first}
    if isinstance(first, tuple):
        return tuple(_stack([f[i] for f in found]) for i in range(len(first)))
    return torch.stack(found)
