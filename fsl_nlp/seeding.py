"""Random numbers of torch that belong to one block of code.

torch has one generator for the whole process: another thread that draws from it would change what
a training draws. Dropout and initialisation cannot be given a generator, so inside a `seeded` block
a function mode, which is of this thread alone, gives them one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_INITIALISERS = (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_)
_IN_PLACE = tuple(
    getattr(Tensor, f"{name}_")
    for name in (
        "bernoulli", "cauchy", "exponential", "geometric", "log_normal", "normal", "random",
        "uniform",
    )
)  # fmt: skip
_OF_TENSORS = (
    torch.bernoulli, Tensor.bernoulli, torch.multinomial, Tensor.multinomial, torch.poisson,
)  # fmt: skip
_OF_SIZES = (torch.rand, torch.randint, torch.randn, torch.randperm)
# Older versions of torch take no generator for these.
_LIKE: dict[Callable[..., Any], str] = {torch.rand_like: "uniform_", torch.randn_like: "normal_"}


class _OwnGenerators(TorchFunctionMode):
    """Draws from generators of its own, one for each device."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def generator(self, device: torch.device) -> torch.Generator | None:
        """The generator of a device; None for `meta`, whose tensors have no numbers."""
        if device.type == "meta":
            return None
        if device not in self._generators:
            generator = torch.Generator(device).manual_seed(self._seed)
            self._generators[device] = self._generators[generator.device] = generator
        return self._generators[device]

    def states(self) -> dict[str, Tensor]:
        """The states of the generators by device."""
        return {str(g.device): g.get_state() for g in self._generators.values()}

    def set_states(self, states: Mapping[str, Tensor]) -> None:
        """Continue where `states` were taken."""
        for name, state in states.items():
            if generator := self.generator(torch.device(name)):
                generator.set_state(state)

    # The mode is off while this runs, so what is called here draws from the generator it is given.
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.dropout:
            return self._dropout(*args, **kwargs)
        if func is F.scaled_dot_product_attention and _dropout_of_attention(args, kwargs):
            return self._attention(*args, **kwargs)
        if kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        if func in _IN_PLACE or func in _OF_TENSORS or func in _INITIALISERS:
            tensor = args[0] if args else kwargs.get("tensor", kwargs.get("input"))
            kwargs = {**kwargs, "generator": self.generator(tensor.device)}
        elif func in _OF_SIZES:
            device = kwargs.get("device") or torch.get_default_device()
            kwargs = {**kwargs, "generator": self.generator(torch.device(device))}
        elif func in _LIKE:
            drawn = torch.empty_like(*args, **kwargs)
            return getattr(drawn, _LIKE[func])(generator=self.generator(drawn.device))
        return func(*args, **kwargs)

    def _dropout(
        self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        """As torch does it on a CPU, in the same order."""
        if not training or p in (0, 1) or input.numel() == 0:
            return F.dropout(input, p, training, inplace)
        noise = torch.empty_like(input)
        noise.bernoulli_(1 - p, generator=self.generator(input.device)).div_(1 - p)
        return input.mul_(noise) if inplace else input * noise

    def _attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """softmax(q k' / sqrt(d) + mask), dropout, v."""
        if enable_gqa:  # several heads of the query share one of the keys
            groups = query.shape[-3] // key.shape[-3]
            key, value = (x.repeat_interleave(groups, -3) for x in (key, value))
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        scores = (query * scale) @ key.mT
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril()
        if attn_mask is not None:
            if attn_mask.dtype == torch.bool:
                scores = scores.masked_fill(~attn_mask, torch.finfo(scores.dtype).min)
            else:
                scores = scores + attn_mask
        return self._dropout(scores.softmax(-1), dropout_p).to(value.dtype) @ value


def _dropout_of_attention(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> float:
    return float(args[4] if len(args) > 4 else kwargs.get("dropout_p", 0.0))


_active: ContextVar[_OwnGenerators | None] = ContextVar("generators", default=None)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside a `with` block, this thread's random numbers are those of a generator of its own.

    The generator of the process is neither read nor changed.

    >>> before = torch.get_rng_state()
    >>> with seeded(1):
    ...     first = torch.rand(2)
    >>> with seeded(1):
    ...     torch.equal(torch.rand(2), first)
    True
    >>> torch.equal(torch.get_rng_state(), before)
    True
    """
    generators = _OwnGenerators(seed)
    token = _active.set(generators)
    try:
        with generators:
            yield
    finally:
        _active.reset(token)


def random_states() -> dict[str, Tensor]:
    """The states of the generators of the innermost `seeded` block, by device."""
    generators = _active.get()
    return generators.states() if generators else {}


def set_random_states(states: Mapping[str, Tensor]) -> None:
    """Continue the innermost `seeded` block where `random_states` was taken."""
    if generators := _active.get():
        generators.set_states(states)
