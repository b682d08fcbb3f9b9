"""The training loop of every tuned method.

It does not use accelerate's `Accelerator`, which has one precision for the whole process: a second
encoder in another precision could not be tuned.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fsl_nlp.errors import ModelError
from fsl_nlp.progress import track
from fsl_nlp.runtime.batches import batches_by_length
from fsl_nlp.training.checkpoint import Checkpoint, TrainingState, next_checkpoint
from fsl_nlp.training.interrupts import ends_early
from fsl_nlp.training.settings import TrainSettings

log = logging.getLogger("fsl_nlp")

# Called after each step with "step", "steps" (the most there can be), "loss" and "learning_rate"
# (of the first group).
OnStep = Callable[[dict[str, float]], object]

# Tokens, padding included, in one forward and backward pass.
_PASS_TOKENS = {"cpu": 4096, "cuda": 32768}
_RESTARTS = 3
_RATE_DIVISOR = 4  # of a restart, for all learning rates
_STOPPED_EARLY = "Stopped before the end of the first epoch: nothing is learned or saved."
# A loss has improved if it is lower by this share.
_PROGRESS = 0.01
# Training stops at a loss this low.
_LOWEST_LOSS = 1e-4


class _DivergedError(Exception):
    """The loss is NaN or infinite."""


@dataclass
class Trainer:
    """Minimises a loss. `groups` are parameters and their learning rate; empty ones are ignored."""

    groups: Sequence[tuple[Sequence[nn.Parameter], float]]
    settings: TrainSettings
    device: torch.device
    on_step: OnStep | None = None
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext
    resumable: bool = True  # False if the losses depend on more than torch's random states
    pass_tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.groups = [(parameters, rate) for parameters, rate in self.groups if parameters]
        self.pass_tokens = _PASS_TOKENS.get(self.device.type, 4096)
        self.parameters = [p for parameters, _ in self.groups for p in parameters]

    def run(
        self,
        rows: Sequence[Sequence[int]],
        epoch_batches: Callable[[], list[list[int]]],
        loss_of: Callable[[list[int]], Tensor],
    ) -> None:
        """Train on `rows` of tokens.

        `epoch_batches` gives the batches of an epoch as indices of rows; `loss_of` gives the mean
        loss of some rows. If the loss becomes NaN, training starts again at a lower rate. Ctrl-C
        is a KeyboardInterrupt; inside `ending_early` it ends training with the parameters of the
        best epoch, if one has ended.
        """
        checkpoint = next_checkpoint() if self.resumable else None
        start, state = self._snapshot(), TrainingState()
        for attempt in range(_RESTARTS + 1):
            try:
                self._epochs(rows, epoch_batches, loss_of, state, checkpoint)
                return
            except _DivergedError:
                self._restore(start)
                state = TrainingState(rate=state.rate / _RATE_DIVISOR)
                checkpoint = None  # it has the state that diverged
                if attempt == 0:
                    log.warning(
                        "The loss is not a number: training starts again at a lower learning rate."
                    )
        raise ModelError(
            "Training failed: the loss is not a number even at "
            f"{state.rate * _RATE_DIVISOR:g} times the learning rate. Set a much lower "
            "learning_rate, or load the encoder with precision='fp32'."
        )

    def _epochs(
        self,
        rows: Sequence[Sequence[int]],
        epoch_batches: Callable[[], list[list[int]]],
        loss_of: Callable[[list[int]], Tensor],
        state: TrainingState,
        checkpoint: Checkpoint | None,
    ) -> None:
        settings = self.settings
        batches = epoch_batches()
        steps = settings.epochs * len(batches)
        optimiser = torch.optim.AdamW(
            [{"params": list(ps), "lr": lr} for ps, lr in self.groups],
            weight_decay=settings.weight_decay,
            fused=True,
        )
        if checkpoint and (saved := checkpoint.load(self.parameters, optimiser)):
            vars(state).update(vars(saved))
        if state.finished:
            return
        for _ in range(state.epoch):
            batches = epoch_batches()
        # After a resume the best epoch is not known; that of the checkpoint takes its place.
        best = self._snapshot()
        try:
            with track(steps - state.step, "Tuning") as progress:
                while state.epoch < settings.epochs:
                    total = 0.0
                    for batch in batches:
                        scale = state.rate * rate_share(state.step, steps, settings.warmup)
                        for group, (_, rate) in zip(
                            optimiser.param_groups, self.groups, strict=True
                        ):
                            group["lr"] = rate * scale
                        loss = self._step(optimiser, batch, rows, loss_of)
                        if self.on_step:
                            event = {"step": state.step, "steps": steps, "loss": loss}
                            self.on_step({**event, "learning_rate": self.groups[0][1] * scale})
                        state.step += 1
                        total += loss / len(batches)
                        progress(1)
                    state.epoch += 1
                    improved = total < state.lowest * (1 - _PROGRESS)
                    state.waited = 0 if improved else state.waited + 1
                    if total < state.lowest:
                        best, state.lowest = self._snapshot(), total
                    if state.waited >= settings.patience or total < _LOWEST_LOSS:
                        break
                    batches = epoch_batches()
                    if checkpoint and checkpoint.is_due():
                        checkpoint.save(state, self.parameters, optimiser)
            if checkpoint:
                state.finished = True
                checkpoint.save(state, self.parameters, optimiser)
        except KeyboardInterrupt:
            if not ends_early():
                raise
            if state.epoch == 0:
                raise KeyboardInterrupt(_STOPPED_EARLY) from None
            self._restore(best)
            if checkpoint:
                state.finished = True
                checkpoint.save(state, self.parameters, optimiser)
            log.warning(
                f"Stopped after {state.epoch} of {settings.epochs} epochs; the best so far is kept."
            )

    def _step(
        self,
        optimiser: torch.optim.Optimizer,
        batch: list[int],
        rows: Sequence[Sequence[int]],
        loss_of: Callable[[list[int]], Tensor],
    ) -> float:
        """One optimiser step; gives the loss before it."""
        while True:
            optimiser.zero_grad(set_to_none=True)
            try:
                loss = self._backward(batch, rows, loss_of)
                break
            except RuntimeError as error:
                self._shrink_passes(error, max(len(rows[i]) for i in batch))
        if not math.isfinite(loss):
            raise _DivergedError
        norm = nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        if not torch.isfinite(norm):
            raise _DivergedError
        optimiser.step()
        return loss

    def _backward(
        self,
        batch: list[int],
        rows: Sequence[Sequence[int]],
        loss_of: Callable[[list[int]], Tensor],
    ) -> float:
        total = 0.0
        # One autocast around all passes, so that the weights are cast once.
        with self.autocast():
            for part in batches_by_length([rows[i] for i in batch], self.pass_tokens):
                loss = loss_of([batch[i] for i in part]) * (len(part) / len(batch))
                loss.backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
        return total

    def _shrink_passes(self, error: RuntimeError, longest: int) -> None:
        from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

        if not should_reduce_batch_size(error):
            raise error
        if self.pass_tokens <= longest:
            raise ModelError(
                "Not enough memory to tune this encoder on a single text. Use shorter texts, a "
                "smaller encoder, or method='head'."
            ) from error
        if self.pass_tokens == _PASS_TOKENS.get(self.device.type, 4096):
            log.warning("Out of memory: training continues with fewer texts at once.")
        self.pass_tokens = max(self.pass_tokens // 2, longest)
        clear_device_cache()

    def _snapshot(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in self.parameters]

    def _restore(self, snapshot: list[Tensor]) -> None:
        with torch.no_grad():
            for parameter, tensor in zip(self.parameters, snapshot, strict=True):
                parameter.copy_(tensor)


def rate_share(step: int, steps: int, warmup: float) -> float:
    """The share of the full learning rate at a step: linear warm-up, then linear decay to 0.

    >>> [round(rate_share(step, 10, 0.2), 2) for step in range(10)]
    [0.5, 1.0, 1.0, 0.88, 0.75, 0.62, 0.5, 0.38, 0.25, 0.12]
    """
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)
