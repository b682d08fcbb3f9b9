"""The inner loop: all tasks of a batch take their gradient steps at once.

`vmap` runs all tasks in one call. No two tasks share a tensor that adapts, so the gradient of the
sum of their losses contains the gradient of each. The gradient can be differentiated again, for
the outer gradient. `SequentialLoop` is the same loop task by task, for tests and benchmarks.
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

# The support loss of one task: scores [S, N], targets [S], weights [S].
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

# A task whose support loss ends above this (times the start, plus 1) has diverged.
_DIVERGED = 2.0
_RATE_DIVISOR = 4.0  # divides the rate of a task that diverged
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
    """Adapted tasks. `path[t]` is `fast` [B, ...] after t steps; `losses` [steps, B] are the
    support losses before each step; `diverged` [B] says which tasks diverged at the full rate;
    `penalty` [B] is added to the outer loss."""

    path: list[Tensors]
    losses: Tensor
    diverged: Tensor
    penalty: Tensor

    @property
    def fast(self) -> Tensors:
        """The tensors after the last step."""
        return self.path[-1]


@dataclass(frozen=True)
class InnerLoop:
    """Adapts the tasks of a batch, and scores their queries."""

    learner: Learner
    settings: InnerSettings = field(default_factory=InnerSettings)
    first_order: bool = False
    loss: Loss = support_loss
    by_hand: ClassVar[bool] = True  # use the formula of the gradients of a linear head

    def task_inputs(self, meta: Tensors, rows: Tensor) -> Tensor:
        """What `adapt` and `scores` take, from rows [n, R]: features [n, D] if all tasks share the
        body, so that each text is computed once; the rows themselves if the body adapts."""
        return rows if self.learner.body_adapts else self.learner.features(meta, {}, rows)

    def adapt(
        self,
        meta: Tensors,
        support: Tensor,
        weights: Tensor,
        *,
        steps: int | None = None,
        noise: Tensor | None = None,
        after: Tensors | None = None,
    ) -> Adapted:
        """Take the inner steps: support [B, N, K, ...] from `task_inputs`, weights [B, N, K] (0 for
        padding), noise [B, N, ...] for heads with a random start. `after` are the tensors of
        earlier steps, to go on from; learned rates are then those of the last step."""
        steps = self.settings.inner_steps if steps is None else steps
        steps = 0 if self.learner.adapts == "none" else steps
        tasks, way, shot = weights.shape
        targets = torch.arange(way, device=support.device).repeat_interleave(shot)
        one_hot = torch.nn.functional.one_hot(targets, way).to(support)  # [S, N]
        flat = weights.flatten(1)  # [B, S]
        shares = one_hot.mT * flat[:, None]  # [B, N, S]
        shares = shares / shares.sum(-1, keepdim=True).clamp(min=1e-12)
        inputs = support.flatten(1, 2)  # [B, S, ...]
        start, penalty = after, support.new_zeros(tasks)
        if start is None:
            start, penalty = self._start(meta, inputs, shares, noise)
        first = 0 if after is None else self.settings.inner_steps
        rate_scale = support.new_ones(tasks)
        diverged = torch.zeros(tasks, dtype=torch.bool, device=support.device)
        for attempt in range(_ATTEMPTS + 1):
            path, losses = self._steps(
                meta, start, inputs, targets, shares.sum(1), rate_scale, range(first, first + steps)
            )
            bad = _diverged(path[-1], losses)
            if not bad.any() or attempt == _ATTEMPTS:
                break
            diverged |= bad
            rate_scale = torch.where(bad, rate_scale / _RATE_DIVISOR, rate_scale)
        if bad.any():  # even at the lowest rate: the task keeps its start
            path = [{n: _where(bad, start[n], t) for n, t in fast.items()} for fast in path]
        return Adapted(path, losses, diverged, penalty)

    def _start(
        self, meta: Tensors, inputs: Tensor, shares: Tensor, noise: Tensor | None
    ) -> tuple[Tensors, Tensor]:
        """`fast` before the first step, and the penalties [B]."""
        features = inputs
        if self.learner.body_adapts:
            together = self.learner.features(meta, {}, inputs.flatten(0, 1))
            features = together.view(*inputs.shape[:2], -1)
        arguments = (features, shares) if noise is None else (features, shares, noise)
        start: Tensors = self.over_tasks(partial(self.learner.start, meta), *arguments)
        if noise is None:
            return start, inputs.new_zeros(len(inputs))
        return start, self.over_tasks(partial(self.learner.penalty, meta), features, shares)

    def scores(self, meta: Tensors, fast: Tensors, query: Tensor) -> Tensor:
        """Scores [B, Q, N] of queries [B, Q, ...] from `task_inputs`, by adapted tasks."""
        if len(query) == 1:  # vmap cannot be traced
            return self._scores(meta, _task(fast, 0), query[0])[None]
        return self.over_tasks(partial(self._scores, meta), fast, query)

    def _scores(self, meta: Tensors, fast: Tensors, inputs: Tensor) -> Tensor:
        """Scores of one task."""
        if self.learner.body_adapts:
            inputs = self.learner.features(meta, fast, inputs)
        return self.learner.scores(meta, fast, inputs)

    def over_tasks(self, function: Callable[..., Any], *inputs: Any) -> Any:
        """A function of one task, applied to all tasks of a batch."""
        return vmap(function)(*inputs)

    def step(
        self,
        fast: Tensors,
        meta: Tensors,
        inputs: Tensor,
        targets: Tensor,
        weights: Tensor,
        rates: Tensors,
        rate_scale: Tensor,
    ) -> tuple[Tensors, Tensor]:
        """`fast` of all tasks after one step, and their support losses [B] before it."""
        outer = torch.is_grad_enabled()
        with torch.enable_grad():
            moving = {
                n: t if (t := fast[n]).requires_grad else t.detach().requires_grad_() for n in rates
            }

            def loss_of(fast: Tensors, inputs: Tensor, weights: Tensor) -> Tensor:
                return self.loss(self._scores(meta, fast, inputs), targets, weights)

            losses = self.over_tasks(loss_of, {**fast, **moving}, inputs, weights)
            # Tasks share no tensor of `fast`: the gradient of the sum contains that of each.
            gradients = torch.autograd.grad(
                losses.sum(),
                list(moving.values()),
                create_graph=outer and not self.first_order,
                allow_unused=True,
                materialize_grads=True,
            )
        moved = {
            n: t - rate_scale.view(-1, *[1] * (t.dim() - 1)) * rates[n] * gradient
            for (n, t), gradient in zip(moving.items(), gradients, strict=True)
        }
        return {**fast, **moved}, losses.detach()

    def _is_linear(self, meta: Tensors, fast: Tensors) -> bool:
        """Whether only a linear head adapts, with one rate for each tensor."""
        return (
            set(fast) == {"head.weight", "head.bias"}
            and self.learner.adapts == "head"
            and self.loss is support_loss
            and all(rate.dim() == 0 for rate in self.rates(meta, fast, 0).values())
        )

    def rates(self, meta: Tensors, fast: Tensors, t: int) -> Tensors:
        """The rates of step t, or of the last trained step, for the tensors that adapt."""
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
        rate_scale: Tensor,
        steps: range,
    ) -> tuple[list[Tensors], Tensor]:
        if self.by_hand and self._is_linear(meta, fast):
            rates = [self.rates(meta, fast, t) for t in steps]
            scale = meta["log_scale"].exp()
            task = (inputs, targets, weights, rate_scale)
            return linear_steps(fast, *task, rates, scale, first_order=self.first_order)
        path, losses = [fast], []
        names, shared = list(fast), list(meta)
        recompute = self.settings.recompute and torch.is_grad_enabled()
        for t in steps:

            def run(inputs: Tensor, *tensors: Tensor, t: int = t) -> tuple[Tensor, ...]:
                step_fast = dict(zip(names, tensors[: len(names)], strict=True))
                step_meta = dict(zip(shared, tensors[len(names) :], strict=True))
                rates = self.rates(step_meta, step_fast, t)
                moved, loss = self.step(
                    step_fast, step_meta, inputs, targets, weights, rates, rate_scale
                )
                return (*(moved[name] for name in names), loss)

            arguments = (inputs, *fast.values(), *meta.values())
            # use_reentrant: the hooks of the newer checkpoint do not work with vmap.
            *moved, loss = (
                # Nothing is drawn in a step, and the state of torch's generator is not its own.
                checkpoint(run, *arguments, use_reentrant=True, preserve_rng_state=False)
                if recompute
                else run(*arguments)
            )
            fast = dict(zip(names, moved, strict=True))
            path.append(fast)
            losses.append(loss.detach())
        return path, torch.stack(losses) if losses else rate_scale.new_zeros(0, len(rate_scale))


class SequentialLoop(InnerLoop):
    """The inner loop task by task, with the ordinary gradients of torch."""

    by_hand = False

    def over_tasks(self, function: Callable[..., Any], *inputs: Any) -> Any:
        """A function of one task, applied to one task after another."""
        return _stack([function(*(_task(x, i) for x in inputs)) for i in range(_count(inputs[0]))])

    def step(self, fast: Tensors, meta: Tensors, inputs: Tensor, *rest: Any) -> Any:
        """One step of each task, one task after another."""
        targets, weights, rates, rate_scale = rest
        results = []
        for i in range(len(inputs)):
            one = slice(i, i + 1)
            task_fast = {n: t[one] for n, t in fast.items()}
            args = (inputs[one], targets, weights[one], rates, rate_scale[one])
            results.append(super().step(task_fast, meta, *args))
        return {n: torch.cat([f[n] for f, _ in results]) for n in fast}, torch.cat(
            [losses for _, losses in results]
        )


def _diverged(fast: Tensors, losses: Tensor) -> Tensor:
    """Whether each task diverged, [B]."""
    finite = torch.stack(
        [t.detach().isfinite().reshape(len(t), -1).all(1) for t in fast.values()]
    ).all(0)
    if not len(losses):
        return ~finite
    # `~(... <= ...)` catches NaN, too.
    return ~(finite & (losses[-1] <= _DIVERGED * losses[0] + 1))


def _where(condition: Tensor, replacement: Tensor, tensor: Tensor) -> Tensor:
    return torch.where(condition.view(-1, *[1] * (tensor.dim() - 1)), replacement, tensor)


def _count(values: Any) -> int:
    return len(next(iter(values.values()))) if isinstance(values, dict) else len(values)


def _task(values: Any, i: int) -> Any:
    return {n: t[i] for n, t in values.items()} if isinstance(values, dict) else values[i]


def _stack(results: list[Any]) -> Any:
    first = results[0]
    if isinstance(first, dict):
        return {name: torch.stack([f[name] for f in results]) for name in first}
    if isinstance(first, tuple):
        return tuple(_stack([f[i] for f in results]) for i in range(len(first)))
    return torch.stack(results)
