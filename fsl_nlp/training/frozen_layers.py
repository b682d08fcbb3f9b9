"""What the frozen lower layers give, computed once a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from fsl_nlp.runtime.batches import batches_by_length
from fsl_nlp.training.layers import layer_stack

if TYPE_CHECKING:
    from fsl_nlp.encoders.encoder import Features

_PASS_TOKENS = 2048


class FrozenLayers:
    """Stands in for the lowest layers of a (copied) module while it trains."""

    def __init__(self, module: nn.Module, count: int) -> None:
        self._module = module
        self._layers = [layer for _, layer in layer_stack(module)[:count]]
        self._states: list[Tensor] = []  # [T, D] of each text
        self._in_tuple = False

    def read(self, ids: Sequence[list[int]], features_of: Any) -> None:
        """Run every text through the layers, and keep what they give."""
        self._states = [torch.empty(0)] * len(ids)
        self._module.eval()
        handle = self._layers[-1].register_forward_hook(_stop)
        try:
            with torch.no_grad():
                for rows in batches_by_length(ids, _PASS_TOKENS):
                    given = self._run(features_of(rows))
                    for row, states in zip(rows, given, strict=True):
                        self._states[row] = states[: len(ids[row])].clone()
        finally:
            handle.remove()

    def _run(self, features: Features) -> Tensor:
        try:
            self._module(**features)
        except _ReachedError as reached:
            self._in_tuple = isinstance(reached.given, tuple)
            return reached.given[0] if self._in_tuple else reached.given
        raise AssertionError("the layers of the stack did not run")

    @property
    def states(self) -> list[Tensor]:
        """[T, D] of each text that was read."""
        return self._states

    def forget(self) -> None:
        self._states = []

    @contextmanager
    def standing_in(self, rows: Sequence[int]) -> Iterator[None]:
        """Within it, the module's lowest layers give what is kept of these texts."""
        with self.giving(pad_sequence([self._states[i] for i in rows], batch_first=True)):
            yield

    @contextmanager
    def giving(self, states: Tensor) -> Iterator[None]:
        """Within it, the module's lowest layers give these states [B, T, D]."""
        given = (states,) if self._in_tuple else states
        for layer in self._layers:
            layer.forward = lambda *_args, **_kwargs: given
        try:
            yield
        finally:
            for layer in self._layers:
                del layer.forward


class _ReachedError(Exception):
    def __init__(self, given: Any) -> None:
        self.given = given


def _stop(_layer: nn.Module, _args: Any, given: Any) -> None:
    """The layers above need not run."""
    raise _ReachedError(given)
