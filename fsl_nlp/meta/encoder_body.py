"""The top of an encoder as a body: what lies below is frozen, and runs once a text.

A row is a text's token states below the layers that adapt, with their mask, flat and padded to a
fixed number of tokens: [T, D + 1]. Where everything adapts, it is the token ids and the mask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from fsl_nlp.encoders.pooling import pool
from fsl_nlp.errors import ModelError, OptionError
from fsl_nlp.heads.projection import whitened
from fsl_nlp.meta.bodies import Body, BodySettings, metric
from fsl_nlp.meta.task_heads import Tensors
from fsl_nlp.training.adaptation import Adaptation, BiasTuning, FullTuning, LoraTuning
from fsl_nlp.training.copies import thaw
from fsl_nlp.training.frozen_layers import FrozenLayers
from fsl_nlp.training.layers import layer_stack
from fsl_nlp.training.trainer import seeded

if TYPE_CHECKING:
    from fsl_nlp.encoders.encoder import TextEncoder

# Texts that the whitening is read off; more would not change it.
_WHITENED = 4000
# Numbers that a token keeps while gradients flow, in copies of its state, for each layer.
_COPIES = 40


@dataclass(frozen=True, eq=False)
class EncoderBody(Body):
    """Features are whitened as `MetricBody`'s are, so that both begin alike."""

    encoder: TextEncoder
    name: str
    settings: BodySettings
    module: nn.Module
    start: Tensors  # what may be learned, as it is in the encoder
    frozen: int  # so many of the lowest layers
    below: FrozenLayers | None
    precision: str = "fp32"  # of the layers that adapt
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def build(
        cls, name: str, settings: BodySettings, encoder: TextEncoder, precision: str = "fp32"
    ) -> EncoderBody:
        if encoder.pooling.custom:
            raise ModelError(
                f"{encoder.name} has modules of its own after the transformer, so no part of it "
                "can adapt. Use body='metric', or a model that pools and normalises and no more."
            )
        base = cls.base(encoder)
        count = len(layer_stack(base))
        if settings.layers > count:
            raise OptionError(f"layers={settings.layers}: {encoder.name} has {count} layers.")
        frozen = 0 if name == "everything" else count - settings.layers
        adaptation = _adaptation(name, frozen, settings)
        with seeded(0, encoder.device):
            module, parameters = adaptation.apply(base, encoder.name)
        _in_fp32_above(module, frozen)
        config: Any = getattr(module, "config", None)
        if getattr(config, "_attn_implementation", None) == "sdpa":
            # torch's fused attention has no second derivative.
            module.set_attn_implementation("eager")  # type: ignore[operator]
        module.eval().requires_grad_(False)
        # The pooler comes after the states that are used.
        start = {n: p.detach().float() for n, p in parameters.items() if "pooler." not in n}
        below = FrozenLayers(module, frozen) if frozen else None
        return cls(encoder, name, settings, module, start, frozen, below, precision)

    @staticmethod
    def base(encoder: TextEncoder) -> nn.Module:
        """The layers whose states are read; it shares the encoder's tensors."""
        return encoder.module

    @property
    def width(self) -> int:
        """Of a token in a row: its state and the mask, or its id and the mask."""
        return self.encoder.dimensions + 1 if self.frozen else 2

    def initial(self, row: int, seed: int) -> Tensors:
        return {name: tensor.clone() for name, tensor in self.start.items()}

    def fixed(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        some = a_part(rows, _WHITENED)
        vectors = self.through(partial(self._vectors, tensors), rows[some])
        if not torch.isfinite(vectors).all():
            raise ModelError(
                f"The layers of {self.encoder.name} cannot be run apart from the whole: they give "
                "no numbers. Use body='metric'."
            )
        index = torch.unique(classes[some.to(classes.device)], return_inverse=True)[1]
        return metric(vectors, index, self.settings.shrinkage)

    def fixed_again(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        return self.fixed(tensors, rows, classes)

    def through(self, function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
        """A function of rows, a few at a time, without gradients."""
        with torch.no_grad():
            return torch.cat([function(self.trim(part)) for part in torch.split(rows, 64)])

    def features(self, tensors: Tensors, rows: Tensor) -> Tensor:
        vectors = self._vectors(tensors, rows)
        return whitened(vectors, tensors["mean"], tensors["whitening"])

    def dimensions(self, row: int) -> int:
        return self.encoder.dimensions

    def trim(self, rows: Tensor) -> Tensor:
        tokens = rows.unflatten(-1, (-1, self.width))  # type: ignore[no-untyped-call]
        used = tokens[..., -1].flatten(0, -2).amax(0) > 0
        return tokens[..., : int(used.sum()), :].flatten(-2)

    def work(self, row: int) -> int:
        size = self.encoder.dimensions
        return row // self.width * size * (len(layer_stack(self.module)) - self.frozen) * _COPIES

    def options(self) -> dict[str, Any]:
        return {"body": self.name, **vars(self.settings)}

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[n, T * width]; each distinct text is computed once."""
        tokens = self.settings.tokens
        if not texts:
            return np.zeros((0, tokens * self.width), np.float32)
        keys = [self.encoder.key(text, f"states {self.frozen} {tokens}") for text in texts]
        return self.encoder.once(
            keys, lambda places: self._read([texts[i] for i in places]), on_disk=False
        )

    def _read(self, texts: list[str]) -> NDArray[np.float32]:
        most = min(self.settings.tokens, self.encoder.pooling.max_length)
        ids = self.encoder.tokenize(texts, truncation=True, max_length=most)["input_ids"]
        rows = np.zeros((len(ids), self.settings.tokens, self.width), np.float32)
        for row, tokens in zip(rows, ids, strict=True):
            row[: len(tokens), -1] = 1
            if not self.frozen:
                row[: len(tokens), 0] = tokens
        if self.below is not None:
            self.read_below(ids, rows[..., :-1])
        return rows.reshape(len(ids), -1)

    def read_below(self, ids: list[list[int]], out: NDArray[np.float32]) -> None:
        """The states below the layers that adapt, into `out` [n, T, D]."""
        assert self.below
        with self._lock, self._autocast(self.encoder.precision):
            self.below.read(ids, lambda some: self.encoder.features([ids[i] for i in some]))
            for row, states in zip(out, self.below.states, strict=True):
                row[: len(states)] = states.float().cpu().numpy()
            self.below.forget()

    def _vectors(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """[n, T * width] -> [n, D], through the layers that adapt."""
        tokens = rows.view(len(rows), -1, self.width)
        mask = tokens[..., -1]
        return pool(self.states(tensors, tokens[..., :-1], mask), mask, self.encoder.pooling)

    def states(self, tensors: Tensors, tokens: Tensor, mask: Tensor) -> Tensor:
        """Of the last layer [n, T, D], from those below [n, T, D] or token ids [n, T, 1]."""
        # Four-dimensional and to be added: any other mask is looked into, which vmap cannot do.
        hidden = (1 - mask)[:, None, None, :] * torch.finfo(torch.float32).min
        own = {name: tensors[name] for name in self.start}
        if self.below is None:
            given = {"input_ids": tokens[..., 0].long(), "attention_mask": hidden}
            return self._run(own, given)
        with self._lock, self.below.giving(tokens):
            return self._run(own, {"inputs_embeds": tokens, "attention_mask": hidden})

    def _run(self, own: Tensors, given: dict[str, Tensor]) -> Tensor:
        with self._autocast(self.precision):
            states: Tensor = functional_call(self.module, own, (), given).last_hidden_state
        return states.float()

    def _autocast(self, precision: str) -> torch.autocast:
        enabled = precision == "bf16"
        return torch.autocast(self.encoder.device.type, dtype=torch.bfloat16, enabled=enabled)


def a_part(rows: Tensor, most: int) -> Tensor:
    """The places of so many rows, drawn at random."""
    drawn = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    return drawn[:most].to(rows.device)


def _adaptation(name: str, frozen: int, settings: BodySettings) -> Adaptation:
    if name == "lora":
        return LoraTuning(freeze_layers=frozen, rank=settings.rank or LoraTuning.rank)
    if name == "norms":
        return BiasTuning(freeze_layers=frozen)
    return FullTuning(freeze_layers=frozen)


def _in_fp32_above(module: nn.Module, frozen: int) -> None:
    """Second derivatives of bf16 are mostly noise. The frozen layers stay as they are."""
    names = [name for name, _ in module.named_parameters()]
    last = -1
    if frozen:
        highest = f"{layer_stack(module)[frozen - 1][0]}."
        last = max(i for i, name in enumerate(names) if name.startswith(highest))
    thaw(module, set(names[last + 1 :]))
