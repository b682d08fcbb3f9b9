"""The states that the frozen lower layers give, computed once for each text."""

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
    """The lowest layers of a private copy, replaced by cached states while it trains."""

    def __init__(self, module: nn.Module, count: int) -> None:
        self._module = module
        self._layers = [layer for _, layer in layer_stack(module)[:count]]
        self._states: list[Tensor] = []  # [T, D] of each text
        self._in_tuple = False

    def cache_states(self, ids: Sequence[list[int]], features_of: Any) -> None:
        """Run every text through the layers and cache their states."""
        self._states = [torch.empty(0)] * len(ids)
        self._module.eval()
        handle = self._layers[-1].register_forward_hook(_stop)
        try:
            with torch.no_grad():
                for rows in batches_by_length(ids, _PASS_TOKENS):
                    output = self._run(features_of(rows))
                    for row, states in zip(rows, output, strict=True):
                        self._states[row] = states[: len(ids[row])].clone()
        finally:
            handle.remove()

    def _run(self, features: Features) -> Tensor:
        try:
            self._module(**features)
        except _ReachedError as reached:
            self._in_tuple = isinstance(reached.output, tuple)
            return reached.output[0] if self._in_tuple else reached.output
        raise AssertionError("the layers of the stack did not run")

    @property
    def states(self) -> list[Tensor]:
        """The cached states [T, D] of each text."""
        return self._states

    def clear(self) -> None:
        """Delete the cached states."""
        self._states = []

    @contextmanager
    def use_cached(self, rows: Sequence[int]) -> Iterator[None]:
        """Inside a `with` block the layers give the cached states of these texts."""
        with self.use_states(pad_sequence([self._states[i] for i in rows], batch_first=True)):
            yield

    @contextmanager
    def use_states(self, states: Tensor) -> Iterator[None]:
        """Inside a `with` block the layers give these states [B, T, D]."""
        output = (states,) if self._in_tuple else states
        for layer in self._layers:
            layer.forward = lambda *_args, **_kwargs: output
        try:
            yield
        finally:
            for layer in self._layers:
                del layer.forward


class _ReachedError(Exception):
    def __init__(self, output: Any) -> None:
        self.output = output


def _stop(_layer: nn.Module, _args: Any, output: Any) -> None:
    """Leave the forward pass: the layers above need not run."""
    raise _ReachedError(output)
