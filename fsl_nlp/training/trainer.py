"""The training loop of every tuned method.

Not on accelerate's `Accelerator`: it keeps one precision for the whole process, so that a second
encoder in another one could not be tuned. What remains for it to do here is an autocast.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fsl_nlp.errors import ModelError
from fsl_nlp.progress import track
from fsl_nlp.runtime.batches import batches_by_length
from fsl_nlp.training.checkpoint import Checkpoint, Place, next_checkpoint
from fsl_nlp.training.settings import TrainSettings

log = logging.getLogger("fsl_nlp")

# Called after each step with its number, how many there are at most, its loss and the learning
# rate of the first group.
OnStep = Callable[[dict[str, float]], object]

# Tokens, padding included, in one pass forward and back.
_PASS_TOKENS = {"cpu": 4096, "cuda": 32768}
_RESTARTS = 3
_SMALLER = 4  # what a restart divides the learning rates by
# A lower loss is one that is lower by this share.
_PROGRESS = 0.01
# Nothing more can be learned from a loss this low.
_LEARNED = 1e-4


_passed_on: ContextVar[bool] = ContextVar("passed_on", default=False)


@contextmanager
def interrupts_passed_on() -> Iterator[None]:
    """In here Ctrl-C is the caller's business: training does not end with what it has."""
    token = _passed_on.set(True)
    try:
        yield
    finally:
        _passed_on.reset(token)


class _DivergedError(Exception):
    """The loss is no number any more."""


@dataclass
class Trainer:
    """Changes `groups` of parameters, each with its learning rate, to lower a loss."""

    groups: Sequence[tuple[Sequence[nn.Parameter], float]]
    settings: TrainSettings
    device: torch.device
    on_step: OnStep | None = None
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext
    resumable: bool = True  # the losses are the same whenever they are asked for
    pass_tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.pass_tokens = _PASS_TOKENS.get(self.device.type, 4096)
        self.parameters = [p for parameters, _ in self.groups for p in parameters]

    def run(
        self,
        rows: Sequence[Sequence[int]],
        epoch_batches: Callable[[], list[list[int]]],
        loss_of: Callable[[list[int]], Tensor],
    ) -> None:
        """Train on `rows` of tokens: `epoch_batches` names an epoch's, `loss_of` is their mean.

        Where the loss stops being a number, training starts again at a lower rate. Ctrl-C ends
        it with the best epoch so far.
        """
        checkpoint = next_checkpoint() if self.resumable else None
        start, place = self._snapshot(), Place()
        for attempt in range(_RESTARTS + 1):
            try:
                self._epochs(rows, epoch_batches, loss_of, place, checkpoint)
                return
            except _DivergedError:
                self._restore(start)
                place = Place(rate=place.rate / _SMALLER)
                checkpoint = None  # what it holds led here
                if attempt == 0:
                    log.warning(
                        "The loss is no number any more: starting again at a lower learning rate."
                    )
        raise ModelError(
            f"Training fails: the loss is no number even at {place.rate * _SMALLER:g} of the "
            "learning rate. Set a far lower learning_rate, or load the encoder with "
            "precision='fp32'."
        )

    def _epochs(
        self,
        rows: Sequence[Sequence[int]],
        epoch_batches: Callable[[], list[list[int]]],
        loss_of: Callable[[list[int]], Tensor],
        place: Place,
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
        if checkpoint and (found := checkpoint.load(self.parameters, optimiser)):
            vars(place).update(vars(found))
        if place.finished:
            return
        for _ in range(place.epoch):
            batches = epoch_batches()
        # Of what was before a restart from a checkpoint, the last epoch stands for the best.
        best = self._snapshot()
        try:
            with track(steps - place.step, "Tuning") as progress:
                while place.epoch < settings.epochs:
                    total = 0.0
                    for batch in batches:
                        share = place.rate * _share(place.step, steps, settings.warmup)
                        for group, (_, rate) in zip(
                            optimiser.param_groups, self.groups, strict=True
                        ):
                            group["lr"] = rate * share
                        loss = self._step(optimiser, batch, rows, loss_of)
                        if self.on_step:
                            about = {"step": place.step, "steps": steps, "loss": loss}
                            self.on_step({**about, "learning_rate": self.groups[0][1] * share})
                        place.step += 1
                        total += loss / len(batches)
                        progress(1)
                    place.epoch += 1
                    fell = total < place.lowest * (1 - _PROGRESS)
                    place.waited = 0 if fell else place.waited + 1
                    if total < place.lowest:
                        best, place.lowest = self._snapshot(), total
                    if place.waited >= settings.patience or total < _LEARNED:
                        break
                    batches = epoch_batches()
                    if checkpoint and checkpoint.due():
                        checkpoint.save(place, self.parameters, optimiser)
            if checkpoint:
                place.finished = True
                checkpoint.save(place, self.parameters, optimiser)
        except KeyboardInterrupt:
            if _passed_on.get():
                raise
            self._restore(best)
            if checkpoint:
                place.finished = True
                checkpoint.save(place, self.parameters, optimiser)
            log.warning(
                f"Stopped after {place.epoch} of {settings.epochs} epochs; the best so far is kept."
            )

    def _step(
        self,
        optimiser: torch.optim.Optimizer,
        batch: list[int],
        rows: Sequence[Sequence[int]],
        loss_of: Callable[[list[int]], Tensor],
    ) -> float:
        """One change of the parameters; gives the loss before it."""
        while True:
            optimiser.zero_grad(set_to_none=True)
            try:
                loss = self._backward(batch, rows, loss_of)
                break
            except RuntimeError as error:
                self._make_smaller(error, max(len(rows[i]) for i in batch))
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
        # Within one autocast the weights are cast once.
        with self.autocast():
            for part in batches_by_length([rows[i] for i in batch], self.pass_tokens):
                loss = loss_of([batch[i] for i in part]) * (len(part) / len(batch))
                loss.backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
        return total

    def _make_smaller(self, error: RuntimeError, longest: int) -> None:
        from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

        if not should_reduce_batch_size(error):
            raise error
        if self.pass_tokens <= longest:
            raise ModelError(
                "There is too little memory to tune this encoder on even one of the texts. Use "
                "shorter texts, a smaller encoder, or method='head'."
            ) from error
        if self.pass_tokens == _PASS_TOKENS.get(self.device.type, 4096):
            log.warning("Out of memory: going on with fewer texts at once.")
        self.pass_tokens = max(self.pass_tokens // 2, longest)
        clear_device_cache()

    def _snapshot(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in self.parameters]

    def _restore(self, snapshot: list[Tensor]) -> None:
        with torch.no_grad():
            for parameter, tensor in zip(self.parameters, snapshot, strict=True):
                parameter.copy_(tensor)


def _share(step: int, steps: int, warmup: float) -> float:
    """Of the full rate: up over the warm-up, then down to 0, both in straight lines."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)


_one_at_a_time = threading.Lock()


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch's own random numbers (dropout) from `seed`, afterwards as if nothing had been.

    They belong to the whole process, so training waits for training in other threads.
    """
    devices = [device] if device.type == "cuda" else []
    with _one_at_a_time, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
